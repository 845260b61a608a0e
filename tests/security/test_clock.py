"""Expiry and quotas over HTTP while the machine's clock jumps.

The machine's own clock belongs to everybody on it, so the service is given one of its own: Python
loads `sitecustomize` before anything else, and there `time.time` adds what stands in a file.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.load import fresh_selfie
from tests.live import COMMAND, Live

HOUR, DAY = 3600, 86400
HOOK = """
import time
_true = time.time

def _turned():
    with open({file!r}) as file:
        return _true() + float(file.read() or 0)

time.time = _turned
"""


class Turned(Live):
    """A service whose clock a test may turn while it runs."""

    def __init__(self, folder: Path, **settings: object) -> None:
        super().__init__(folder, probability=0.2, command=COMMAND, **settings)
        self._clock = folder / "clock"
        self.turn(0)
        hooks = folder / "hooks"
        hooks.mkdir()
        (hooks / "sitecustomize.py").write_text(HOOK.format(file=str(self._clock)))
        self.environment["PYTHONPATH"] = str(hooks)

    def turn(self, seconds: float) -> None:
        """So far from the true time; in one piece, for the service reads it all the time."""
        new = self._clock.with_suffix(".new")
        new.write_text(str(seconds))
        new.replace(self._clock)

    def code(self, hash_id: str) -> object:
        answer = self.analyze(fresh_selfie(), hash_id=hash_id)
        return answer.status_code if answer.ok else answer.json()["code"]


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Turned]:
    with Turned(tmp_path) as live:
        yield live


@pytest.fixture(scope="module")
def turned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Turned]:
    """For those that find the true time again, each further ahead than the one before."""
    with Turned(tmp_path_factory.mktemp("turned")) as live:
        yield live


def test_a_licence_ends_when_the_clock_jumps_forward_and_stays_so(alone: Turned) -> None:
    short = alone.issue(name="short", expires_at=time.time() + HOUR)
    long = alone.issue(name="long", expires_at=time.time() + 10 * DAY)
    assert (alone.code(short), alone.code(long)) == (200, 200)
    alone.turn(2 * HOUR)
    assert (alone.code(short), alone.code(long)) == ("LICENCE_EXPIRED", 200)
    # What it saw is marked in the store: neither a restart nor the old time revives anything.
    alone.stop()
    alone.start()
    alone.wait()
    assert alone.code(short) == "LICENCE_EXPIRED"
    alone.turn(0)
    assert (alone.code(short), alone.code(long)) == ("LICENCE_EXPIRED", 200)
    state = alone.get("/readyz").json()
    assert any("The clock is 2.0 hours behind" in one for one in state["notices"])


def test_a_clock_that_is_set_back_gives_no_quota_and_takes_no_licence(turned: Turned) -> None:
    daily = turned.issue(name="daily", per_day=2)
    assert [turned.code(daily) for _ in range(3)] == [200, 200, "QUOTA_EXCEEDED"]
    for back in (-DAY, -30 * DAY, -3650 * DAY):
        turned.turn(back)
        assert turned.code(daily) == "QUOTA_EXCEEDED"
        assert turned.code(turned.hash_id) == 200
        assert turned.get("/healthz").status_code == 200
    turned.turn(DAY)
    assert turned.code(daily) == 200  # another day, as the clock has it


def test_a_clock_ten_years_ahead_breaks_nothing(turned: Turned) -> None:
    turned.turn(3650 * DAY)
    answer = turned.analyze(fresh_selfie())
    assert (answer.status_code, answer.json()["stored"]) == (200, True)
    turned.turn(0)
    assert turned.code(turned.hash_id) == 200
    assert turned.results().status_code == 200
    assert "Traceback" not in turned.log()
