"""What reads the log of a service stalls, and the service answers and ends as ever."""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.live import Live

pytestmark = pytest.mark.slow
PAGE = 4096
PROGRAM = [sys.executable, "-m", "service.cli", "serve"]
PROBES = ("/healthz", "/readyz", "/metrics", "/status_check")


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[int]:
    """The service's log is a small pipe, open and unread."""
    os.mkfifo(tmp_path / "service.log")
    file = os.open(tmp_path / "service.log", os.O_RDWR | os.O_NONBLOCK)
    fcntl.fcntl(file, fcntl.F_SETPIPE_SZ, PAGE)
    yield file
    os.close(file)


class Unread(Live):
    """At level debug, nothing reads the log to see whether the service is ready."""

    def __init__(self, folder: Path, workers: int) -> None:
        super().__init__(folder, command=PROGRAM, workers=workers, log_level="debug")

    def log(self) -> str:
        return "a pipe"


def read(pipe: int) -> list[str]:
    """What waits in it."""
    try:
        return os.read(pipe, 1 << 16).decode().splitlines()
    except BlockingIOError:
        return []


def test_a_log_that_nobody_reads_stops_nothing(tmp_path: Path, pipe: int) -> None:
    live = Unread(tmp_path, workers=2)
    live.start()
    try:
        live.wait()
        for number in range(60):
            answer = requests.get(f"{live.base}/nothing-{number}", timeout=5)
            assert answer.status_code == 404
        found = {path: requests.get(live.base + path, timeout=5).status_code for path in PROBES}
        assert found == dict.fromkeys(PROBES, 200)
        began = time.monotonic()
    finally:
        code = live.stop()
    assert (code, time.monotonic() - began < 20) == (0, True)


def test_a_reader_that_comes_back_is_told_what_it_missed(tmp_path: Path, pipe: int) -> None:
    with Unread(tmp_path, workers=1) as live:
        for number in range(60):
            requests.get(f"{live.base}/nothing-{number}", timeout=5)
        read(pipe)
        requests.get(f"{live.base}/back", timeout=5)
        lines = [json.loads(line) for line in read(pipe) if "log lines lost" in line]
        assert lines
        assert lines[0]["lines"] > 30
        assert "facegate_log_lines_lost_total" in live.get("/metrics").text
