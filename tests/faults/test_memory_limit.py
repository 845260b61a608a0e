"""The largest pictures that are accepted, in as little memory as the doctor reckons with."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from service.commands.doctor.machine import needed_memory
from tests.faults.load import fresh_selfie
from tests.faults.test_running import workers
from tests.groups import entering, killed, members, memory_group, peak
from tests.live import COMMAND, Live, data_uri
from tests.media.test_memory import flat, solid
from tests.thorough import either

# The larger is the doctor's way of bringing what could be needed down to 700 MiB.
PIXELS = int(os.environ.get("FACEGATE_MEMORY_PIXELS", either(43_000_000, 20_000_000)))


def hungry() -> list[bytes]:
    side = int(PIXELS**0.5)
    return [
        solid(side, 16, 6, interlaced=True),
        flat("RGB", "JPEG", int(side * 0.87), progressive=True, subsampling=0),
        solid(side, 8, 6),
        flat("RGBA", "WEBP", int(side * 0.55), lossless=True),
        flat("RGBA", "AVIF", int(side * 0.74), speed=10),
    ]


@pytest.fixture
def live(tmp_path: Path) -> Live:
    return Live(tmp_path, probability=0.2, max_pixels=PIXELS, queue_timeout=60)


@pytest.fixture
def group(live: Live) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("making a control group needs root")
    with ExitStack() as stack:
        try:
            made = stack.enter_context(memory_group(needed_memory(live.settings)[1]))
        except OSError as error:
            pytest.skip(f"no control group can be made here: {error}")
        yield made


def test_hostile_pictures_end_no_worker_in_its_memory(group: Path, live: Live) -> None:
    live.command = entering(group, COMMAND)
    with live:
        before = {worker.pid for worker in workers(live)}
        if not before <= members(group):
            pytest.skip("something moved the service out of its group")

        def ask(image: bytes) -> int:
            body = {"hash_id": live.hash_id, "image": data_uri(image)}
            return requests.post(f"{live.base}/v1/analyze", json=body, timeout=120).status_code

        with ThreadPoolExecutor(4) as clients:
            statuses = list(clients.map(ask, hungry()))
        # Decoded and looked at: there is no face in them.
        assert set(statuses) == {422}, statuses
        assert {worker.pid for worker in workers(live)} == before
        assert killed(group) == 0
        print(f"peak {peak(group) >> 20} MiB")
        assert live.analyze(fresh_selfie()).status_code == 200
