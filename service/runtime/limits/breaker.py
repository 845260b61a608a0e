"""A circuit breaker: stop calling what failed too often, so that nobody waits for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class DetectorAway(Exception):
    """It failed too often lately and is not asked for a while."""


class Breaker:
    """After `failures` in a row, refuses for `rest` seconds; then one may try."""

    def __init__(self, failures: int, rest: float) -> None:
        self._failures, self._rest = failures, rest
        self._lock = threading.Lock()
        self._in_a_row, self._closed_at = 0, 0.0

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Raises DetectorAway while open; counts what leaves the block."""
        self._admit()
        try:
            yield
        except BaseException:
            with self._lock:
                self._in_a_row += 1
                self._closed_at = time.monotonic() + self._rest
            raise
        self._in_a_row = 0

    def _admit(self) -> None:
        with self._lock:
            if self._in_a_row < self._failures:
                return
            if time.monotonic() < self._closed_at:
                raise DetectorAway
            self._closed_at = time.monotonic() + self._rest  # the others wait for this one
