"""Admission: slots, places to wait, time to wait."""

from __future__ import annotations

import threading

import pytest

from service.errors import Overloaded
from service.runtime.gate import Gate


class Guest:
    """Holds a slot in a thread of its own until told to leave."""

    def __init__(self, gate: Gate) -> None:
        self.inside, self.leave = threading.Event(), threading.Event()
        self.turned_away = False
        self.thread = threading.Thread(target=self._visit, args=(gate,))
        self.thread.start()

    def _visit(self, gate: Gate) -> None:
        try:
            with gate.enter():
                self.inside.set()
                self.leave.wait(10)
        except Overloaded:
            self.turned_away = True

    def go(self) -> None:
        self.leave.set()
        self.thread.join(10)


def test_a_waiting_request_gets_the_slot_that_comes_free() -> None:
    gate = Gate(slots=1, depth=1, timeout=10)
    first = Guest(gate)
    assert first.inside.wait(5)
    second = Guest(gate)
    assert not second.inside.wait(0.1)
    first.go()
    assert second.inside.wait(5)
    second.go()


def test_beyond_the_depth_nobody_waits() -> None:
    gate = Gate(slots=1, depth=0, timeout=10)
    guest = Guest(gate)
    assert guest.inside.wait(5)
    with pytest.raises(Overloaded), gate.enter():
        pass
    guest.go()


def test_waiting_ends_at_the_timeout() -> None:
    gate = Gate(slots=1, depth=1, timeout=0.05)
    guest = Guest(gate)
    assert guest.inside.wait(5)
    with pytest.raises(Overloaded), gate.enter():
        pass
    guest.go()


def test_a_failing_request_gives_its_slot_back() -> None:
    gate = Gate(slots=1, depth=0, timeout=1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), gate.enter():
            1 / 0  # noqa: B018


def test_a_turned_away_request_gives_its_place_back() -> None:
    gate = Gate(slots=1, depth=1, timeout=0.05)
    guest = Guest(gate)
    assert guest.inside.wait(5)
    for _ in range(3):
        with pytest.raises(Overloaded), gate.enter():
            pass
    guest.go()
    with gate.enter():
        pass
