"""What a client is still to receive: no thread waits for one that does not read."""

from __future__ import annotations

import select
import socket
import time
from typing import Any

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
MOST = 4 * 2**20  # bytes kept for a client; more than that, and the thread does wait
PATIENCE = 10.0  # seconds, then
PIECE = 256 * 1024  # bytes sent at a time


class Outbox:
    """What an answer is written to in place of a connection's socket."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._left = bytearray()

    def __len__(self) -> int:
        return len(self._left)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def setblocking(self, flag: bool) -> None:
        """It never blocks, whoever asks for it."""

    def send(self, data: bytes) -> int:
        """The one message of gunicorn that comes this way was sent when the headers had come."""
        if data != CONTINUE:
            self.sendall(data)
        return len(data)

    def sendall(self, data: bytes) -> None:
        """Send what goes at once, and keep the rest. Raises OSError."""
        self._left += data
        self.flush()
        deadline = time.monotonic() + PATIENCE
        while len(self._left) > MOST:
            if time.monotonic() > deadline:
                raise TimeoutError
            self._wait()
            self.flush()

    def _wait(self) -> None:
        poll = select.poll()
        poll.register(self._sock, select.POLLOUT)
        poll.poll(1000)

    def flush(self) -> bool:
        """Send what goes; whether that was all. Raises OSError."""
        while self._left:
            try:
                # Without a copy: a client that does not read is tried with each part of an answer.
                with memoryview(self._left) as left, left[:PIECE] as piece:
                    sent = self._sock.send(piece)
            except BlockingIOError:
                return False
            del self._left[:sent]
        return True
