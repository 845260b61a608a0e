"""What people do in the console, as entries of the audit log."""

from __future__ import annotations

from service.api.http.context import services
from service.web.guard import seat


def note(act: str, **facts: object) -> None:
    """One entry. Raises AuditUnavailable where the log is required and cannot be written."""
    services().audit.write("act", act=act, actor=f"console:{seat().person.name}", **facts)
