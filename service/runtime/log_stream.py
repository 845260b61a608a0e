"""Standard error for logs: a reader that stalls costs lines, and never a request."""

from __future__ import annotations

import json
import os
import select
import socket
import stat
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

PATIENCE = 0.2  # seconds that a line waits for room
REST = 5.0  # seconds after that in which none waits, lest a slow reader slows every request


@dataclass(frozen=True)
class Outlet:
    """A way to write to a descriptor that never waits: `send` raises BlockingIOError instead."""

    file: int
    send: Callable[[bytes], int]


class LogStream:
    """What is written to it, a line a call, goes to standard error or is counted as lost.

    Safe for threads, signal handlers (the lock can be taken again) and forks.
    """

    def __init__(self) -> None:
        self.on_lost: Callable[[], object] = lambda: None
        self._outlet: Outlet | None = None
        self._of: tuple[int, int] | None = None  # the file that the outlet leads to
        self._impatient_until, self._cut = 0.0, False
        self._begin()
        os.register_at_fork(after_in_child=self._begin)

    def write(self, text: str) -> None:
        with suppress(OSError, ValueError, AttributeError), self._lock:
            if self._look():
                self._log(text.encode(errors="backslashreplace"))
            else:
                sys.stderr.write(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError, AttributeError):
            sys.stderr.flush()

    def _begin(self) -> None:
        """What a parent lost is the parent's to tell, and another thread of it had the lock."""
        self._lock, self._lost = threading.RLock(), 0

    def _look(self) -> Outlet | None:
        """Standard error may have been replaced since the last line, and may lead to no file."""
        try:
            file = sys.stderr.fileno()
            found = os.fstat(file)
        except (OSError, ValueError, AttributeError):
            return None
        if self._of != (found.st_dev, found.st_ino):
            self._outlet, self._of = _outlet(file, found.st_mode), (found.st_dev, found.st_ino)
        return self._outlet

    def _log(self, line: bytes) -> None:
        if self._lost and self._sent(_notice(self._lost)):
            self._lost = 0
        if self._lost or not self._sent(line):
            self._lost += 1
            self.on_lost()

    def _sent(self, line: bytes) -> bool:
        """Whether all of it went out. A line that was cut is ended before the next one."""
        left, deadline = b"\n" * self._cut + line, time.monotonic() + PATIENCE
        while left:
            try:
                left = left[self._send(left) :]
                self._cut = bool(left)
            except BlockingIOError:
                if not self._room(deadline):
                    return False
            except OSError:
                return False
        return True

    def _send(self, data: bytes) -> int:
        assert self._outlet is not None
        return self._outlet.send(data)

    def _room(self, deadline: float) -> bool:
        """Wait for the reader, unless that was in vain a moment ago."""
        now = time.monotonic()
        if now < self._impatient_until:
            return False
        assert self._outlet is not None
        if now < deadline and _takes_bytes(self._outlet.file, deadline - now):
            return True
        self._impatient_until = now + REST
        return False


def _outlet(file: int, mode: int) -> Outlet | None:
    """None for files on a disk, which nobody reads empty."""
    if stat.S_ISSOCK(mode):
        own = socket.socket(fileno=os.dup(file))
        return Outlet(own.fileno(), lambda data: own.send(data, socket.MSG_DONTWAIT))
    if stat.S_ISFIFO(mode) or stat.S_ISCHR(mode):
        return _reopened(file) or _asked(file)
    return None


def _reopened(file: int) -> Outlet | None:
    """Opened once more, for not to wait is a property that all who share a descriptor share."""
    flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY
    try:
        own = os.open(f"/proc/self/fd/{file}", flags)
    except OSError:
        return None
    return Outlet(own, lambda data: os.write(own, data))


def _asked(file: int) -> Outlet:
    """Where that is not allowed, as after a change of user: room for so many bytes can be asked
    for. Another process may take it in between, in the moment in which it fills up."""

    def send(data: bytes) -> int:
        if not _takes_bytes(file, 0):
            raise BlockingIOError
        return os.write(file, data[: select.PIPE_BUF])

    return Outlet(file, send)


def _takes_bytes(file: int, seconds: float) -> bool:
    poll = select.poll()
    poll.register(file, select.POLLOUT)
    return bool(poll.poll(1000 * seconds))


def _notice(lost: int) -> bytes:
    at = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    line = {"lines": lost, "event": "log lines lost", "level": "warning", "timestamp": at}
    return json.dumps(line).encode() + b"\n"
