"""`facegate forget`."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime
from typing import Any

import typer

from service.audit.acts import note_act
from service.errors import StartupError
from service.judging.recorder import OPERATOR
from service.licensing.digest import digest_key
from service.licensing.register import Register
from service.runtime.console import note
from service.settings import Settings, load_settings
from service.store import Store, open_for_command
from service.store.forgetting import Gone, Selection

SHA256 = re.compile(r"[0-9a-f]{64}")
SHOWN = 16  # hex digits of a digest


def forget(sha256: str | None, licence: str | None, before: str | None) -> None:
    """Delete what is meant and say how much it was."""
    settings = load_settings()
    store = open_for_command(settings, made=True)
    try:
        given = _given(settings, store, sha256, licence, before)
        # Noted before as well: nothing may go without an entry, even if this is cut short.
        note_act(settings, "forget", **given)
        gone = store.forget(Selection(**given))
    finally:
        store.close()
    note_act(settings, "forgotten", **given, gone=gone)
    _tell(gone)


def _given(
    settings: Settings, store: Store, sha256: str | None, licence: str | None, before: str | None
) -> dict[str, Any]:
    """Raises BadParameter and StartupError."""
    given = {
        "sha256": None if sha256 is None else _sha256(sha256),
        "licence": None if licence is None else _digest(settings, store, licence),
        "before": None if before is None else _moment(before),
    }
    found = {name: value for name, value in given.items() if value is not None}
    if not found:
        raise typer.BadParameter("Name what is to be forgotten: --sha256, --licence or --before.")
    return found


def _sha256(text: str) -> str:
    if not SHA256.fullmatch(text.strip().lower()):
        raise typer.BadParameter("--sha256: this is no SHA-256, which has 64 hexadecimal digits.")
    return text.strip().lower()


def _digest(settings: Settings, store: Store, who: str) -> str:
    """Raises StartupError unless one licence alone is meant."""
    who = sys.stdin.readline().strip() if who == "-" else who
    if who == OPERATOR:
        return who
    found = Register(store, digest_key(settings)).find(who)
    if not found:
        raise StartupError("No licence is known by that.", "`facegate licence list` shows them.")
    if len(found) > 1:
        digests = ", ".join(one.digest[:SHOWN] for one in found)
        raise StartupError("Several licences are meant.", f"Name one by its digest: {digests}.")
    return found[0].digest


def _moment(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"--before: {text!r} is not a date like 2027-01-01.") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _tell(gone: Gone) -> None:
    print("Deleted: " + (", ".join(f"{count} {what}" for what, count in gone.items()) or "nothing"))
    note("What is being judged now is kept when it ends: run it again for that.")
