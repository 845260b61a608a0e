"""The audit log: who asked what, and what was answered, in chains that show every change."""

from service.audit.log import AuditLog, open_audit

__all__ = ["AuditLog", "open_audit"]
