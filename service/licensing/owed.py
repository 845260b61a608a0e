"""Uses that could not be counted when they were made: kept by this process, counted later."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace

from service.errors import StoreUnavailable
from service.store.base import Store
from service.store.counter import Counter


class Owed:
    """Safe for threads. What is owed when the process ends is lost: docs/licences.md says so."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._uses: dict[str, tuple[Counter, int]] = {}

    def add(self, counters: Sequence[Counter], amount: int) -> None:
        """Remember a use, or with a negative amount one that came to nothing."""
        with self._lock:
            for counter in counters:
                before = self._uses.get(counter.key, (counter, 0))[1]
                self._uses[counter.key] = (counter, before + amount)

    def settle(self) -> None:
        """Count what is owed, whatever the limits, if the store takes it; never raises."""
        with self._lock:
            uses, self._uses = self._uses, {}
        for counter, amount in uses.values():
            try:
                if amount > 0:
                    self._store.take([replace(counter, limit=None)], amount)
            except StoreUnavailable:
                self.add([counter], amount)

    def __bool__(self) -> bool:
        return bool(self._uses)
