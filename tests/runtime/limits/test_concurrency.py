"""Admission: slots, places to wait, time to wait."""

from __future__ import annotations

import threading

import pytest

from service.errors import Overloaded
from service.runtime.limits.concurrency import ConcurrencyLimit


class Guest:
    """Holds a slot in a thread of its own until told to leave."""

    def __init__(self, limit: ConcurrencyLimit) -> None:
        self.inside, self.leave = threading.Event(), threading.Event()
        self.turned_away = False
        self.thread = threading.Thread(target=self._visit, args=(limit,))
        self.thread.start()

    def _visit(self, limit: ConcurrencyLimit) -> None:
        try:
            with limit.enter():
                self.inside.set()
                self.leave.wait(10)
        except Overloaded:
            self.turned_away = True

    def go(self) -> None:
        self.leave.set()
        self.thread.join(10)


def test_a_waiting_request_gets_the_slot_that_comes_free() -> None:
    limit = ConcurrencyLimit(slots=1, depth=1, timeout=10)
    first = Guest(limit)
    assert first.inside.wait(5)
    second = Guest(limit)
    assert not second.inside.wait(0.1)
    first.go()
    assert second.inside.wait(5)
    second.go()


def test_beyond_the_depth_nobody_waits() -> None:
    limit = ConcurrencyLimit(slots=1, depth=0, timeout=10)
    guest = Guest(limit)
    assert guest.inside.wait(5)
    with pytest.raises(Overloaded), limit.enter():
        pass
    guest.go()


def test_waiting_ends_at_the_timeout() -> None:
    limit = ConcurrencyLimit(slots=1, depth=1, timeout=0.05)
    guest = Guest(limit)
    assert guest.inside.wait(5)
    with pytest.raises(Overloaded), limit.enter():
        pass
    guest.go()


def test_a_failing_request_gives_its_slot_back() -> None:
    limit = ConcurrencyLimit(slots=1, depth=0, timeout=1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), limit.enter():
            1 / 0  # noqa: B018


def test_a_turned_away_request_gives_its_place_back() -> None:
    limit = ConcurrencyLimit(slots=1, depth=1, timeout=0.05)
    guest = Guest(limit)
    assert guest.inside.wait(5)
    for _ in range(3):
        with pytest.raises(Overloaded), limit.enter():
            pass
    guest.go()
    with limit.enter():
        pass
