"""Large pictures are decoded one at a time, over all processes of the machine."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from service.errors import Overloaded
from service.media.picture import turns
from service.media.picture.turns import LIGHT, turn

HOLD = """
from service.media.picture.turns import LIGHT, turn
with turn() as wait:
    wait(LIGHT + 1)
    print("held", flush=True)
    input()
"""


@pytest.fixture
def holder() -> subprocess.Popen[str]:
    """Another process whose turn it is."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_another_process_is_waited_for(
    holder: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "PATIENCE", 0.1)
    with turn() as wait, pytest.raises(Overloaded):
        wait(LIGHT + 1)


def test_a_small_one_does_not_wait(holder: subprocess.Popen[str]) -> None:
    start = time.monotonic()
    with turn() as wait:
        wait(LIGHT)
        assert time.monotonic() - start < 1


def test_a_dead_process_gives_its_turn_back(holder: subprocess.Popen[str]) -> None:
    holder.kill()
    with turn() as wait:
        wait(LIGHT + 1)


def fails() -> None:
    with turn() as wait:
        wait(LIGHT + 1)
        raise ZeroDivisionError


def test_a_failure_gives_the_turn_back() -> None:
    with pytest.raises(ZeroDivisionError):
        fails()
    with turn() as wait:
        wait(LIGHT + 1)
