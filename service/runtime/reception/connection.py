"""One client of a worker, and what it may take."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from service.runtime.reception.inbox import Inbox
from service.runtime.reception.outbox import Outbox

Stage = Literal["idle", "head", "body", "work", "flush", "linger", "gone"]
SLOWEST = 16 * 1024  # bytes a second of a body, after its patience, refused or not


@dataclass(frozen=True)
class Limits:
    """The limits of one worker, in seconds, connections and bytes."""

    patience: float
    keepalive: float
    connections: int
    an_address: int
    body: int
    held: int
    free: Callable[[str], bool]  # whether an address is a proxy's, which stands for many clients


class Connection:
    """One client; what gunicorn's thread code asks of a connection, too."""

    initialized = data_ready = True
    is_http2 = False

    def __init__(self, sock: socket.socket, client: Any, server: Any, limits: Limits) -> None:
        body, self.patience = limits.body, limits.patience
        sock.setblocking(False)
        self.raw, self.client, self.server = sock, client, server
        self.inbox, self.sock = Inbox(body, self._more), Outbox(sock)
        self._streamed = 0
        self.parser: Any = None
        self.stage: Stage = "head"
        self.since = time.monotonic()
        self.deadline = 0.0
        self.keep = False
        self.drained = 0

    @property
    def address(self) -> str:
        return str(self.client[0]) if isinstance(self.client, tuple) else ""

    @property
    def group(self) -> str:
        """What is counted together: an address, at each of our ports."""
        return f"{self.address} {self.server[1:]}"

    def _more(self, size: int) -> bytes:
        """The next bytes, read in a thread for large uploads; none once they come too slowly."""
        allowed = self.patience + self._streamed / SLOWEST
        poll = select.poll()
        poll.register(self.raw, select.POLLIN)
        if time.monotonic() - self.since > allowed or not poll.poll(self.patience * 1000):
            return b""
        try:
            data = self.raw.recv(size)
        except OSError:
            return b""
        self._streamed += len(data)
        return data

    def init(self) -> None:
        """Do nothing; gunicorn calls it."""
