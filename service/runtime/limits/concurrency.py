"""Limit how many images are judged at once and how many may wait; refuse the rest."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from service.errors import Overloaded
from service.runtime import metrics


class ConcurrencyLimit:
    """`slots` requests inside, `depth` more waiting at most `timeout` seconds; the rest: 503.

    One gate a worker. The worker has more threads than slots + depth, so that a health probe
    always finds one that does not wait here.
    """

    def __init__(self, slots: int, depth: int, timeout: float) -> None:
        self._places = threading.BoundedSemaphore(slots + depth)
        self._slots = threading.BoundedSemaphore(slots)
        self._timeout = timeout

    @contextmanager
    def enter(self) -> Iterator[None]:
        """Hold a slot. Raises Overloaded when none comes free."""
        if not self._places.acquire(blocking=False):
            raise Overloaded
        try:
            self._wait()
            try:
                yield
            finally:
                self._slots.release()
        finally:
            self._places.release()

    def _wait(self) -> None:
        with metrics.QUEUE_DEPTH.track_inprogress():
            if not self._slots.acquire(timeout=self._timeout):
                raise Overloaded
