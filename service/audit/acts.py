"""Administrative acts: what an operator did by a command, as one entry each."""

from __future__ import annotations

import getpass

from service.audit.log import open_audit
from service.settings import Settings
from service.store import open_for_command


def note_act(settings: Settings, act: str, **facts: object) -> None:
    """Write one entry, on the disk when this returns. Raises AuditUnavailable where the log is
    required and cannot be written, StartupError when its key is unusable."""
    if settings.audit == "off":
        return
    store = open_for_command(settings)
    log = open_audit(settings, store)
    try:
        log.write("act", act=act, actor=_user(), **facts)
    finally:
        log.close(checkpoint=False)  # the next one of a worker covers it
        store.close()


def _user() -> str:
    """The user of this machine who gave the command."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # in a container, a number without a name
        return "unknown"
