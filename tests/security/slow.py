"""Clients that send or read as slowly as they can."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

HEAD = b"POST /liveness HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
BEGINNINGS: dict[str, bytes] = {
    "silence": b"",
    "request line": b"GET /hea",
    "headers": b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-A: ",
    "body": HEAD + b'Content-Length: 90000\r\n\r\n{"a": "',
    "chunks": HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
    "long chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\nffff\r\n{",
    "trailers": HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX-A: ",
    "expecting": HEAD + b"Expect: 100-continue\r\nContent-Length: 90000\r\n\r\n",
}
# An answer of more than a socket's buffers, asked for and never read.
UNREAD = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: a\r\n\r\n" * 3


class Slow:
    """`count` connections that begin so, send a byte every second, and come again when closed."""

    def __init__(self, port: int, beginning: bytes, count: int, drip: bytes = b"x") -> None:
        self._open: Callable[[], socket.socket] = lambda: self._begun(port, beginning)
        self._count, self._drip = count, drip
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.closed = 0  # connections that the service ended

    def __enter__(self) -> Self:
        self._clients = [self._open() for _ in range(self._count)]
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()
        for client in self._clients:
            client.close()

    def _begun(self, port: int, beginning: bytes) -> socket.socket:
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(10)
        client.connect(("127.0.0.1", port))
        client.setblocking(False)
        with suppress(BlockingIOError):
            client.sendall(beginning)
        return client

    def _run(self) -> None:
        while not self._stop.wait(1.0):
            for number, client in enumerate(self._clients):
                try:
                    if self._drip:
                        client.send(self._drip)
                except BlockingIOError:
                    continue
                except OSError:
                    self.closed += 1
                    client.close()
                    with suppress(OSError):
                        self._clients[number] = self._open()


def worst(ask: Callable[[], object], seconds: float, pause: float = 0.1) -> tuple[float, float]:
    """The longest that `ask` took, and what nine of ten took at most."""
    taken: list[float] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.monotonic()
        ask()
        taken.append(time.monotonic() - began)
        time.sleep(pause)
    taken.sort()
    return taken[-1], taken[len(taken) * 9 // 10]
