"""The data folder's file system is full, read-only or gone, and the service judges on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.faults.disks import KINDS, NEEDS, can_mount, disk, full
from tests.faults.load import fresh_selfie
from tests.faults.test_running import workers
from tests.live import Live
from tests.waiting import eventually

pytestmark = pytest.mark.skipif(not can_mount(), reason=NEEDS)
PROBES = ("/healthz", "/readyz", "/metrics", "/status_check", "/ping", "/health")


@pytest.fixture(params=KINDS)
def small(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Live]:
    folder = disk(request.param, tmp_path / "data", 24)
    with folder, Live(tmp_path, probability=0.2, workers=2) as live:
        yield live


def test_a_full_disk_takes_no_worker_and_no_answer(small: Live) -> None:
    assert small.analyze(fresh_selfie()).json()["stored"] is True
    before = {worker.pid for worker in workers(small)}
    with full(small.folder / "data"):
        for _ in range(20):
            answer = small.analyze(fresh_selfie())
            assert answer.status_code == 200
        assert small.analyze(fresh_selfie()).json()["stored"] is False
        # Names and paths that were not counted before make the metrics grow.
        for number in range(40):
            requests.get(f"{small.base}/nothing/{number}", timeout=10)
        assert {path: small.get(path).status_code for path in PROBES} == dict.fromkeys(PROBES, 200)
        assert {worker.pid for worker in workers(small)} == before
    assert eventually(lambda: small.analyze(fresh_selfie()).json()["stored"])
    assert "signal" not in small.log().lower()
