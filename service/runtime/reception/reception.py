"""The door of a worker: takes in connections and hands over requests that are whole.

One thread, the worker's own, looks after all connections; those that think, judge and look up get a
request when all of it is there, and give its answer back to be delivered. So slow headers, slow
bodies and slow readers cost memory, for a while, and never a thread.

| stage | waits for | until |
|---|---|---|
| idle | the first byte of a request | `keepalive` |
| head, body | the rest of it | `patience`; a body has longer as long as it comes at `SLOWEST` |
| work | its answer | |
| flush | the client to read it | `patience` |
| linger | the client to close | `LINGER`; longer as long as a refused body comes at `SLOWEST` |

Where there are too many connections, the one that has kept us waiting longest goes.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from service.errors import FacegateError, Overloaded, TooSlow
from service.runtime.reception.connection import SLOWEST, Connection, Limits, Stage
from service.runtime.reception.inbox import Inbox
from service.runtime.reception.outbox import CONTINUE

LINGER = 2.0  # seconds that a client has to close after us
DRAINING = 30.0  # seconds that a client may go on sending what we do not want
DRAINED = 64 * 2**20  # bytes of a refused body that are read, or the client would miss the refusal
READ = 256 * 1024  # bytes at a time
EVERY = 0.25  # seconds between two looks at the deadlines


class Reception:
    """Looks after all connections of a worker; belongs to its main thread.

    hand_over: takes a whole request. page: the bytes of a refusal. left: told of each that went.
    """

    def __init__(
        self,
        limits: Limits,
        hand_over: Callable[[Connection], None],
        page: Callable[[FacegateError], bytes],
        left: Callable[[], None],
    ) -> None:
        self._limits, self._hand_over, self._page, self._left = limits, hand_over, page, left
        self._poller: selectors.BaseSelector
        self._all: dict[Connection, None] = {}  # in the order of their coming
        self._of: Counter[str] = Counter()
        self._looked = 0.0
        self._held = 0  # bytes of requests, rather too many than too few

    def open(self, poller: selectors.BaseSelector) -> None:
        self._poller = poller

    def welcome(self, sock: socket.socket, client: Any, server: Any) -> None:
        """A new connection."""
        connection = Connection(sock, client, server, self._limits)
        self._all[connection] = None
        self._of[connection.group] += 1
        self._enter(connection, "head")
        self._poller.register(connection.raw, selectors.EVENT_READ, self._event(connection))
        if len(self._all) > self._limits.connections:
            self._make_room(self._of.most_common(1)[0][0])
        elif self._of[connection.group] > self._limits.an_address and not self._limits.free(
            connection.address
        ):
            self._make_room(connection.group)
        if connection in self._all:
            self._read(connection)

    def finished(self, connection: Connection, keep: bool) -> None:
        """The answer was written, to us."""
        connection.keep = keep
        self._poller.register(connection.raw, selectors.EVENT_READ, self._event(connection))
        self._enter(connection, "flush")
        self._flush(connection)

    def look(self) -> None:
        """Send away who took too long; often called, seldom at work."""
        now = time.monotonic()
        if now - self._looked < EVERY:
            return
        self._looked = now
        for connection in [one for one in self._all if one.stage != "work"]:
            if now > connection.deadline:
                self._too_slow(connection)
        self._lighten()

    def last_calls(self, deadline: float) -> None:
        """The worker ends: who has nothing to ask may ask until then."""
        for connection in self._waiting("idle"):
            connection.deadline = min(connection.deadline, deadline)

    def close_idle(self) -> None:
        for connection in list(self._waiting("idle")):
            self._close(connection)

    def _event(self, connection: Connection) -> Callable[[object], None]:
        def ready(_: object) -> None:
            if connection.stage == "flush":
                self._flush(connection)
            elif connection.stage != "gone":
                self._read(connection)

        return ready

    def _enter(self, connection: Connection, stage: Stage) -> None:
        now = time.monotonic()
        wait = {"idle": self._limits.keepalive, "linger": LINGER}
        connection.stage, connection.since = stage, now
        connection.deadline = now + wait.get(stage, self._limits.patience)

    def _read(self, connection: Connection) -> None:
        try:
            data = connection.raw.recv(READ)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._hung_up(connection)
        elif connection.stage == "linger":
            connection.drained += len(data)
            allowed = min(LINGER + connection.drained / SLOWEST, DRAINING)
            connection.deadline = connection.since + allowed
            if connection.drained > DRAINED:
                self._close(connection)
        else:
            self._take_in(connection, data)

    def _hung_up(self, connection: Connection) -> None:
        """A client may close its side and still wait to hear what was wrong."""
        if connection.stage != "body":
            return self._close(connection)
        connection.inbox.end_here()
        return self._go_on(connection)

    def _take_in(self, connection: Connection, data: bytes) -> None:
        if connection.stage == "idle":
            self._enter(connection, "head")
        connection.inbox.add(data)
        self._held += len(data)
        self._go_on(connection)
        if self._held > self._limits.held:
            self._lighten()

    def _go_on(self, connection: Connection) -> None:
        inbox = connection.inbox
        if inbox.whole:
            self._poller.unregister(connection.raw)
            connection.stage, connection.since = "work", time.monotonic()
            self._hand_over(connection)
            return
        if inbox.in_body and connection.stage == "head":
            self._enter(connection, "body")
            if inbox.expects:
                with suppress(OSError):
                    connection.sock.sendall(CONTINUE)
        if connection.stage == "body":
            allowed = self._limits.patience + len(inbox) / SLOWEST
            connection.deadline = connection.since + allowed

    def _flush(self, connection: Connection) -> None:
        try:
            done = connection.sock.flush()
        except OSError:
            return self._close(connection)
        wanted = selectors.EVENT_READ if done else selectors.EVENT_WRITE
        self._poller.modify(connection.raw, wanted, self._event(connection))
        if not done:
            return None
        if not connection.keep:
            return self._say_goodbye(connection)
        connection.inbox.next()
        self._enter(connection, "head" if len(connection.inbox) else "idle")
        return self._go_on(connection)

    def _say_goodbye(self, connection: Connection) -> None:
        """Close our side and let the client close: it would not see all of the answer else."""
        self._enter(connection, "linger")
        with suppress(OSError):
            connection.raw.shutdown(socket.SHUT_WR)
            return self._read(connection)
        return self._close(connection)

    def _too_slow(self, connection: Connection) -> None:
        begun = connection.stage in ("head", "body") and len(connection.inbox) > 0
        self._refuse(connection, TooSlow()) if begun else self._close(connection)

    def _refuse(self, connection: Connection, error: FacegateError) -> None:
        """Say why, to who asked for something."""
        connection.keep = False
        try:
            if connection.stage in ("head", "body") and len(connection.inbox):
                connection.raw.send(self._page(error))
        except OSError:
            return self._close(connection)
        connection.inbox = Inbox(0)
        return self._say_goodbye(connection)

    def _make_room(self, group: str) -> None:
        """Idle ones first, then who is at it longest; the newest where all the others work."""
        of = [one for one in self._all if one.group == group]
        for stages in (("linger", "idle"), ("flush",), ("head", "body")):
            for connection in of:
                if connection.stage in stages:
                    return self._send_away(connection)
        return self._send_away(of[-1])

    def _send_away(self, connection: Connection) -> None:
        with suppress(OSError):
            if connection.stage in ("head", "body"):
                connection.raw.send(self._page(Overloaded()))
        self._close(connection)

    def _lighten(self) -> None:
        """Refuse the slowest requests while all of them take more memory than they may."""
        self._held = sum(len(one.inbox) for one in self._all)
        now = time.monotonic()
        waiting = [one for one in self._waiting("head", "body") if len(one.inbox)]
        waiting.sort(key=lambda one: (now - one.since) / len(one.inbox))
        while self._held > self._limits.held and waiting:
            slowest = waiting.pop()
            self._held -= len(slowest.inbox)
            self._refuse(slowest, Overloaded())

    def _waiting(self, *stages: Stage) -> Iterator[Connection]:
        return (one for one in list(self._all) if one.stage in stages)

    def _close(self, connection: Connection) -> None:
        if connection.stage != "work":
            with suppress(KeyError, ValueError, OSError):
                self._poller.unregister(connection.raw)
        connection.stage = "gone"
        connection.raw.close()
        connection.inbox = Inbox(0)
        self._all.pop(connection, None)
        self._of[connection.group] -= 1
        if not self._of[connection.group]:
            del self._of[connection.group]
        self._left()
