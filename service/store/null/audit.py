"""No audit log, where there is no store: `service.audit.files` keeps one then."""

from __future__ import annotations

from collections.abc import Iterator

from service.errors import StoreUnavailable
from service.store.audit import AuditBatch, AuditEntry, AuditHead


class NullAudit:
    """See `Audit`."""

    def append_audit(self, batch: AuditBatch) -> None:  # noqa: ARG002
        raise StoreUnavailable

    def audit_heads(self) -> list[AuditHead]:
        return []

    def read_audit(self) -> Iterator[AuditEntry]:
        return iter(())
