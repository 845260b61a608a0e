"""A summary of the licences, for health and metrics."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from service.store.base import LicenceRecord

DAY = 86400.0


@dataclass(frozen=True)
class LicenceStatus:
    """days_left: by name, negative once expired, None without end; of several licences with one
    name the one that holds longest. earliest_end: of those that still hold, in seconds since the
    epoch. by_grace: the store is away, and licences seen lately are honoured."""

    days_left: dict[str, float | None]
    earliest_end: float | None
    by_grace: bool


def summarise(licences: Iterable[LicenceRecord], now: float, *, by_grace: bool) -> LicenceStatus:
    """The status at `now`; revoked licences do not count."""
    ends: dict[str, float | None] = {}
    for licence in licences:
        if licence.revoked_at is None:
            ends[licence.name] = _later(ends.get(licence.name, 0.0), licence.expires_at)
    return LicenceStatus(
        days_left={name: None if end is None else (end - now) / DAY for name, end in ends.items()},
        earliest_end=min((end for end in ends.values() if end and end > now), default=None),
        by_grace=by_grace,
    )


def _later(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else max(one, other)
