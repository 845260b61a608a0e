"""What people do in the console, as entries of the audit log."""

from __future__ import annotations

from service.accounts.people import Person
from service.api.http.context import services
from service.web.guard import seat


def note(act: str, **facts: object) -> None:
    """One entry. Raises AuditUnavailable where the log is required and cannot be written."""
    note_of(seat().person, act, **facts)


def note_of(person: Person, act: str, **facts: object) -> None:
    """The same for somebody who has no session yet."""
    services().audit.write("act", act=act, actor=f"console:{person.name}", **facts)
