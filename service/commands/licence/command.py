"""`facegate licence issue|list|revoke`."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import typer
from pydantic import ValidationError

from service.audit.acts import note_act
from service.errors import StartupError
from service.licensing import clock, windows
from service.licensing.build import refuse_own_licences
from service.licensing.digest import digest_key
from service.licensing.register import Register
from service.licensing.terms import Terms
from service.runtime.console import moment, note, print_json, print_table
from service.settings import load_settings
from service.store import Store, open_for_command
from service.store.base import FEATURES, LICENCE, LicenceRecord

SHOWN = 16  # hex digits of a digest in tables
Use = tuple[int | None, int | None]


@dataclass(frozen=True)
class Desk:
    """Where licences are worked on."""

    store: Store
    register: Register
    key: bytes


@contextmanager
def open_desk(*, made: bool = True) -> Iterator[Desk]:
    """The store of the settings; without `made`, a new one where there is none.

    Raises StartupError when it cannot keep a licence, or is not there.
    """
    settings = load_settings()
    store = open_for_command(settings, made=made)
    try:
        if store.kind == "null":
            raise StartupError(
                "The store `null` keeps no licences.", "Set FACEGATE_STORE to sqlite or mongo."
            )
        key = digest_key(settings)
        yield Desk(store, Register(store, key), key)
    finally:
        store.close()


def reset_clock() -> None:
    """Let licences end by this machine's clock again. Refused in builds for vendors."""
    refuse_own_licences()
    with open_desk() as desk:
        clock.reset(desk.store, time.time())
    print("Licences end by this machine's clock again.")


def terms(  # noqa: PLR0913, PLR0917 (every option is an argument)
    name: str,
    expires: str | None,
    days: int | None,
    per_day: int | None,
    per_month: int | None,
    features: Sequence[str] | None,
) -> Terms:
    """The terms that the options state. Raises BadParameter."""
    if expires and days:
        raise typer.BadParameter("--expires and --days exclude each other.")
    fields: dict[str, Any] = {
        "name": name,
        "expires_at": int(time.time()) + days * 86400 if days else _end(expires),
        "per_day": per_day,
        "per_month": per_month,
        "features": tuple(features or FEATURES),
    }
    try:
        return Terms(**fields)
    except ValidationError as error:
        first = error.errors()[0]
        raise typer.BadParameter(f"{first['loc'][0]}: {first['msg']}.") from None


def issue(agreed: Terms) -> None:
    """Issue and print the hash_id; remarks go to standard error."""
    with open_desk(made=False) as desk:
        hash_id, licence = desk.register.issue(agreed)
    note_act(load_settings(), "licence issued", licence=licence.digest)
    print(f"hash_id: {hash_id}")
    note(f"Keep it: only its digest is stored, as {licence.digest[:SHOWN]}.")


def list_all(form: str) -> None:
    """All licences, oldest first."""
    with open_desk() as desk:
        now = time.time()
        rows = [(licence, _use(desk.store, licence, now)) for licence in desk.register.all()]
    if form == "json":
        print_json([_as_json(licence, use, now) for licence, use in rows])
        return
    columns = ("digest", "name", "state", "ends", "today", "this month", "features", "source")
    print_table(columns, (_row(licence, use, now) for licence, use in rows))


def revoke(who: str) -> None:
    """Revoke the one licence that is meant."""
    with open_desk() as desk:
        found = desk.register.find(sys.stdin.readline().strip() if who == "-" else who)
        licence = desk.register.revoke(_the_one(found))
    note_act(load_settings(), "licence revoked", licence=licence.digest)
    print(f"Revoked: {licence.name} ({licence.digest[:SHOWN]}).")
    note("Running workers refuse it within seconds.")


def _the_one(found: list[LicenceRecord]) -> LicenceRecord:
    active = [licence for licence in found if licence.revoked_at is None] or found
    if not active:
        raise StartupError("No licence is known by that.", "`facegate licence list` shows them.")
    if len(active) > 1:
        digests = ", ".join(licence.digest[:SHOWN] for licence in active)
        raise StartupError("Several licences are meant.", f"Name one by its digest: {digests}.")
    return active[0]


def _end(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        end = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"--expires: {text!r} is not a date like 2027-01-01.") from None
    seconds = int((end if end.tzinfo else end.replace(tzinfo=UTC)).timestamp())
    if seconds <= time.time():
        raise typer.BadParameter("--expires: this moment has passed.")
    return seconds


def state(licence: LicenceRecord, now: float) -> str:
    """`valid`, `expired` or `revoked`."""
    if licence.revoked_at is not None:
        return "revoked"
    expired = licence.expires_at is not None and licence.expires_at <= now
    return "expired" if expired else "valid"


def _use(store: Store, licence: LicenceRecord, now: float) -> Use:
    """Images counted today and this month; None where there is no limit, so nothing is counted."""
    day, month = windows.day_and_month(licence, now)
    return (
        None if day.limit is None else store.usage(day.key),
        None if month.limit is None else store.usage(month.key),
    )


def _row(licence: LicenceRecord, use: Use, now: float) -> Sequence[object]:
    limits = (licence.per_day, licence.per_month)
    return (
        licence.digest[:SHOWN],
        licence.name,
        state(licence, now),
        moment(licence.expires_at) or "never",
        *("-" if limit is None else f"{n}/{limit}" for n, limit in zip(use, limits, strict=True)),
        " ".join(licence.features),
        licence.source,
    )


def _as_json(licence: LicenceRecord, use: Use, now: float) -> dict[str, Any]:
    return {
        **LICENCE.dump_python(licence, mode="json"),
        "state": state(licence, now),
        "used_today": use[0],
        "used_this_month": use[1],
    }
