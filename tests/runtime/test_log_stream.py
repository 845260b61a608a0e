"""Log lines to a reader that is slow, stalls, comes back or goes."""

from __future__ import annotations

import io
import json
import os
import select
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from service.runtime import log_stream
from service.runtime.log_stream import LogStream

LINE = json.dumps({"event": "request", "path": "x" * 180}) + "\n"


@dataclass
class Reader:
    """The other end of standard error."""

    file: int
    theirs: int

    def read(self) -> list[str]:
        """All lines that wait."""
        return self.read_bytes().decode().splitlines()

    def read_bytes(self) -> bytes:
        found = b""
        while select.select([self.file], [], [], 0)[0]:
            found += os.read(self.file, 1 << 16)
        return found


def a_socket() -> tuple[int, int]:
    ours, theirs = socket.socketpair()
    return ours.detach(), theirs.detach()


@pytest.fixture(params=["pipe", "socket", "pipe of another user"])
def reader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    if request.param == "pipe of another user":
        monkeypatch.setattr(log_stream, "_reopened", lambda _: None)  # root may open everything
    ours, theirs = a_socket() if request.param == "socket" else os.pipe()
    with open(theirs, "w") as stream:
        # Not of `sys` itself, where pytest puts its own before each test.
        monkeypatch.setattr(log_stream, "sys", SimpleNamespace(stderr=stream))
        yield Reader(ours, theirs)
    os.close(ours)


def fill(stream: LogStream) -> list[int]:
    """Write more than any pipe holds; returns a list that counts the lines lost."""
    lost: list[int] = []
    stream.on_lost = lambda: lost.append(1)
    for _ in range(3000):
        stream.write(LINE)
    return lost


def test_lines_that_nobody_reads_are_dropped_and_told(reader: Reader) -> None:
    stream, began = LogStream(), time.monotonic()
    lost = fill(stream)
    assert time.monotonic() - began < 5 * log_stream.PATIENCE
    kept = reader.read()
    assert set(kept) == {LINE.strip()}
    assert len(kept) + len(lost) == 3000
    stream.write(LINE)
    told, line = reader.read()
    assert json.loads(told) | {"timestamp": ""} == {
        "event": "log lines lost",
        "level": "warning",
        "lines": len(lost),
        "timestamp": "",
    }
    assert line == LINE.strip()
    stream.write(LINE)
    assert reader.read() == [LINE.strip()]


def test_programs_that_share_the_descriptor_may_still_wait(reader: Reader) -> None:
    fill(LogStream())
    assert os.get_blocking(reader.theirs)


def test_a_reader_that_is_late_misses_nothing(reader: Reader) -> None:
    stream, found = LogStream(), bytearray()

    def read_late() -> None:
        deadline = time.monotonic() + 20
        while found.count(b"\n") < 3000 and time.monotonic() < deadline:
            time.sleep(0.02)
            found.extend(reader.read_bytes())

    late = threading.Thread(target=read_late)
    late.start()
    lost = fill(stream)
    late.join()
    assert (found.decode() == 3000 * LINE, lost) == (True, [])


def test_a_long_line_arrives_whole(reader: Reader) -> None:
    stream, long = LogStream(), "y" * 50_000
    stream.write(long + "\n")
    assert reader.read() == [long]


def test_a_line_that_was_cut_spoils_no_other(reader: Reader) -> None:
    stream, long = LogStream(), "y" * 3_000_000
    stream.write(long + "\n")
    cut = reader.read()
    assert len(cut) == 1
    assert len(cut[0]) < len(long)
    stream.write(LINE)
    empty, told, line = reader.read()
    assert (empty, json.loads(told)["lines"], line) == ("", 1, LINE.strip())


def test_a_forked_worker_tells_only_what_it_lost_itself(reader: Reader) -> None:
    stream = LogStream()
    fill(stream)
    reader.read()
    if (child := os.fork()) == 0:
        stream.write(LINE)
        os._exit(0)
    os.waitpid(child, 0)
    assert reader.read() == [LINE.strip()]


def test_a_reader_that_went_costs_its_lines(reader: Reader) -> None:
    stream, lost = LogStream(), list[int]()
    stream.on_lost = lambda: lost.append(1)
    stream.write(LINE)
    os.close(reader.file)
    stream.write(LINE)
    reader.file = os.open(os.devnull, os.O_RDONLY)
    assert len(lost) == 1


@pytest.mark.parametrize("where", [io.StringIO(), None])
def test_standard_error_need_not_be_a_file(
    where: io.StringIO | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_stream, "sys", SimpleNamespace(stderr=where))
    stream = LogStream()
    stream.write(LINE)
    stream.flush()
    assert where is None or where.getvalue() == LINE
