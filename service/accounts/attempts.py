"""Limit log-in attempts by address and by name, over all workers, against guessing."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable

from service.errors import StoreUnavailable, TooManyAttempts
from service.store.base import Store
from service.store.counter import Counter

WINDOW = 900  # seconds
WIDER = 10  # times as many for a name from everywhere, or an address for all names
Attempt = tuple[Counter, ...]


class Attempts:
    """`limit` attempts at one name from one address in a quarter of an hour."""

    def __init__(self, store: Store, limit: int, clock: Callable[[], float]) -> None:
        self._store, self._limit, self._clock = store, limit, clock

    def begin(self, name: str, address: str) -> Attempt:
        """Count an attempt before it is made. Raises TooManyAttempts or StoreUnavailable."""
        wider = self._limit * WIDER
        return self._take(
            ("login", name, address, self._limit),
            ("login", name, "", wider),
            ("login", "", address, wider),
        )

    def begin_registration(self, name: str, address: str) -> Attempt:
        """The same for a new user: who may not register may still log in, and the reverse."""
        return self._take(
            ("register", name, "", self._limit), ("register", "", address, self._limit * WIDER)
        )

    def _take(self, *limits: tuple[str, str, str, int]) -> Attempt:
        now = self._clock()
        window = int(now // WINDOW)
        end = float((window + 1) * WINDOW)
        attempt = tuple(
            Counter(_key(what, window, name, address), limit, end)
            for what, name, address, limit in limits
        )
        if not self._store.take(attempt):
            raise TooManyAttempts(max(1, math.ceil(end - now)))
        return attempt

    def succeeded(self, attempt: Attempt) -> None:
        """The right password does not count; never raises."""
        try:
            self._store.give_back(attempt)
        except StoreUnavailable:
            return


def _key(what: str, window: int, name: str, address: str) -> str:
    """Neither names nor addresses stand in the store in clear."""
    text = f"{window}\0{name}\0{address}".encode("utf-8", "surrogatepass")
    return f"{what}:{hashlib.sha256(text).hexdigest()}"
