"""The time by which licences end: no earlier than the latest that the store has seen.

A clock that is set back would revive a licence that has ended. The mark in the store only rises.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import structlog

from service.errors import StoreUnavailable
from service.store.base import Store
from service.store.counter import Counter

MARK = Counter("clock:high-water", None, 253402300799.0)  # kept until the year 9999
EVERY = 60.0  # seconds between two looks at the store, where no housekeeping makes them
SLACK = 300.0  # seconds that clocks of hosts may differ
log = structlog.get_logger()


class HighWater:
    """A clock for licences."""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store, self._clock = store, clock
        self._mark = 0.0
        self._asked: float | None = None
        self._told = False

    def now(self) -> float:
        """Seconds since the epoch; never raises."""
        if self._asked is None or time.monotonic() - self._asked > EVERY:
            self.look()
        now = self._clock()
        return self._mark if self._mark - now > SLACK else now

    def behind(self) -> float:
        """Seconds that the clock was set back, 0 where it was not."""
        back = self._mark - self._clock()
        return back if back > SLACK else 0.0

    def look(self) -> None:
        """Tell the store the time, and hear the latest that it was told; never raises."""
        self._asked = time.monotonic()
        try:
            self._mark = float(self._store.advance(MARK, int(self._clock())))
        except StoreUnavailable:
            return
        if self.behind() and not self._told:
            log.warning("clock set back", seconds=round(self.behind()))
        self._told = bool(self.behind())


def reset(store: Store, now: float) -> None:
    """Let the mark be this moment, after a clock that was ahead. Raises StoreUnavailable."""
    over = store.usage(MARK.key) - int(now)
    if over > 0:
        store.give_back([replace(MARK)], over)
