"""Quota counts kept in this process while the store is away, and handed over when it is back."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace

from service.errors import StoreUnavailable
from service.store.base import Counter, Store


class Tally:
    """`take` and `give_back` as a store has them, for one process only; never raises."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, tuple[Counter, int]] = {}

    def take(self, counters: Sequence[Counter], amount: int) -> bool:
        """Count `amount` everywhere, or nowhere and answer False when a limit would be passed."""
        with self._lock:
            for counter in counters:
                if counter.limit is not None and self._count(counter) + amount > counter.limit:
                    return False
            self._add(counters, amount)
            return True

    def give_back(self, counters: Sequence[Counter], amount: int) -> None:
        """Undo a `take`."""
        with self._lock:
            self._add(counters, -amount)

    def settle(self, store: Store) -> None:
        """Hand the counts over; what the store does not take is kept for the next time."""
        while (owed := self._pop()) is not None:
            counter, amount = owed
            try:
                _hand_over(store, counter, amount)
            except StoreUnavailable:
                self.give_back([counter], -amount)
                return

    def _pop(self) -> tuple[Counter, int] | None:
        with self._lock:
            while self._counts:
                _, owed = self._counts.popitem()
                if owed[1] != 0:
                    return owed
            return None

    def _count(self, counter: Counter) -> int:
        return self._counts[counter.key][1] if counter.key in self._counts else 0

    def _add(self, counters: Sequence[Counter], amount: int) -> None:
        for counter in counters:
            self._counts[counter.key] = (counter, self._count(counter) + amount)


def _hand_over(store: Store, counter: Counter, amount: int) -> None:
    # Already granted, so it counts whether or not the limit has been reached since.
    unlimited = [replace(counter, limit=None)]
    if amount > 0:
        store.take(unlimited, amount)
    else:
        store.give_back(unlimited, -amount)
