"""The host's clock jumps by days, forwards and back, while the service runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from tests.containers.docker import facegate, logs, run, service, state_of
from tests.containers.test_image import liveness

Clock = tuple[str, str, Callable[[int], None]]
DAY = 86400


@pytest.fixture
def clock(service_image: str, tmp_path: Path) -> Iterator[Clock]:
    """(container, address, how to set its clock: days from now)."""
    source, library = Path(__file__).with_name("clock.c"), tmp_path / "clock.so"
    run(["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(source)])

    def move(days: int) -> None:
        (tmp_path / "offset").write_text(str(days * DAY))

    move(0)
    tmp_path.chmod(0o755)
    preload = ("-v", f"{tmp_path}:/clock:ro", "-e", "LD_PRELOAD=/clock/clock.so")
    with service(*preload) as (name, base):
        yield name, base, move


def issued(name: str, *terms: str) -> str:
    return facegate(name, "licence", "issue", *terms).partition("hash_id: ")[2].split()[0]


def newest(base: str, hash_id: str) -> str:
    key = {"Authorization": f"Bearer {hash_id}"}
    answer = requests.get(f"{base}/v1/results", headers=key, timeout=30)
    return str(answer.json()["results"][0]["created_at"])


def test_a_clock_that_jumps_by_a_day(clock: Clock) -> None:
    name, base, move = clock
    lasting, short = issued(name, "lasting"), issued(name, "short", "--days", "2")
    assert liveness(base, lasting).status_code == 200
    today = newest(base, lasting)
    move(1)
    assert [liveness(base, one).status_code for one in (lasting, short)] == [200, 200]
    tomorrow = newest(base, lasting)
    assert tomorrow > today
    move(3)
    assert [liveness(base, one).status_code for one in (lasting, short)] == [200, 403]
    move(-1)
    assert [liveness(base, one).status_code for one in (lasting, short)] == [200, 200]
    assert state_of(base) == "ready"
    assert "Traceback" not in logs(name)
