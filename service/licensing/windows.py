"""Quota windows: calendar days and months in UTC, each one counter in the store."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

from service.errors import StoreUnavailable
from service.store.base import LicenceRecord, Store
from service.store.counter import Counter


def counters(licence: LicenceRecord, now: float) -> tuple[Counter, ...]:
    """The counters that a request at `now` has to pass; none when the licence has no quota."""
    return tuple(counter for counter in day_and_month(licence, now) if counter.limit is not None)


def day_and_month(licence: LicenceRecord, now: float) -> tuple[Counter, Counter]:
    """Both windows that `now` is in, limited or not."""
    moment = datetime.fromtimestamp(now, UTC)
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    next_day = day + timedelta(days=1)
    next_month = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
    return (
        Counter(f"{licence.digest}:{day:%Y-%m-%d}", licence.per_day, next_day.timestamp()),
        Counter(f"{licence.digest}:{day:%Y-%m}", licence.per_month, next_month.timestamp()),
    )


def retry_after(store: Store, refused: tuple[Counter, ...], amount: int, now: float) -> int:
    """Whole seconds until every window that is used up has ended."""
    try:
        full = [c for c in refused if c.limit is not None and store.usage(c.key) + amount > c.limit]
    except StoreUnavailable:
        full = []
    # Nothing is known to be full when another request was refunded meanwhile: try again at once.
    end = max((c.expires_at for c in full), default=now)
    return max(1, math.ceil(end - now))
