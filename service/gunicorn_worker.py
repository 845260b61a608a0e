"""gunicorn's threaded worker with error pages in JSON like all other responses.

They are for requests that no route ever sees: a request line or headers that are malformed or too
long. Neither page nor log repeats what was sent: a `hash_id` may stand in it.
"""

from __future__ import annotations

import errno
import resource
import socket
import threading
import time
import uuid
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import orjson
from gunicorn.http import errors as theirs
from gunicorn.http import get_parser
from gunicorn.workers.gthread import ThreadWorker

from service.api.check.envelope import failed
from service.api.http.reply import HEADERS
from service.errors import (
    AddressTooLong,
    FacegateError,
    HeadersTooLarge,
    RequestError,
    RouteNotFound,
)
from service.runtime import metrics
from service.runtime.proxies import Proxies
from service.runtime.reception.connection import Connection, Limits
from service.runtime.reception.outbox import Outbox
from service.runtime.reception.reception import Reception
from service.settings import Settings, load_settings

# Of a body: the answer was given already, and what is left of the request cannot be read.
ANSWERED = (
    theirs.InvalidChunkSize,
    theirs.ChunkMissingTerminator,
    theirs.InvalidChunkExtension,
    theirs.NoMoreData,
)


# Of the health port alone, and on threads of their own at the other one.
PROBES = frozenset((b"/healthz", b"/readyz", b"/metrics", b"/status_check", b"/ping", b"/health"))
PROBE_THREADS = 2
UPLOAD_THREADS = 2  # for bodies that are too large to be waited for: media of jobs
BACKLOG_ROUNDS, ROUND = 3, 0.03  # seconds: handshakes under way when the service ends


class Worker(ThreadWorker):  # type: ignore[misc]
    """gunicorn's threads behind a reception of our own: see `runtime.reception`.

    gunicorn's own loop gives a thread to each connection that has sent a byte, and waits in it for
    the rest; it also waits, in its main thread, for clients to close.
    """

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Let others have its jobs at once; requests in hand may still take a while."""
        # Not in the signal's handler: the store's locks may be held by what it interrupts.
        threading.Thread(target=self.release_jobs, name="job-stop", daemon=True).start()
        super().handle_exit(sig, frame)

    def release_jobs(self) -> None:
        """Take no more jobs; a worker that never began has none."""
        extensions = getattr(getattr(self, "wsgi", None), "extensions", {})
        if runner := extensions.get("facegate-jobs"):
            runner.stop()

    def init_process(self) -> None:
        settings = load_settings()
        limits = limits_of(settings, self.cfg.keepalive)
        self._health_port = settings.health_port
        self._reception = Reception(limits, self._enqueue, page, self._gone)
        self._probe_pool = ThreadPoolExecutor(PROBE_THREADS, "probe")
        self._upload_pool = ThreadPoolExecutor(UPLOAD_THREADS, "upload")
        super().init_process()

    def run(self) -> None:
        self._reception.open(self.poller)
        super().run()

    def accept(self, listener: socket.socket) -> bool:
        """Take in a connection; whether there was one."""
        try:
            sock, address = listener.accept()
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                time.sleep(0.01)
            return False
        self.nr_conns += 1
        self._reception.welcome(sock, address, listener.getsockname())
        return True

    def is_parent_alive(self) -> bool:
        """Whether the master lives. Without it this worker ends, and takes in nobody more."""
        lives = bool(self.alive and super().is_parent_alive())
        self.alive: bool = lives
        return lives

    def set_accept_enabled(self, enabled: bool) -> None:
        """Never stop for their number: room is made. At the end, take in who waits already, and
        free the address: whoever starts next must not wait for the requests still in hand."""
        if enabled:
            super().set_accept_enabled(True)
        elif not self.alive:
            self._empty_backlog()
            super().set_accept_enabled(False)
            for listener in self.sockets:
                listener.close()

    def _empty_backlog(self) -> None:
        for round_ in range(BACKLOG_ROUNDS):
            time.sleep(ROUND if round_ else 0)
            for listener in self.sockets:
                while self.accept(listener):
                    pass

    def _enqueue(self, conn: Connection) -> None:
        path = conn.inbox.path
        if conn.parser is None:
            conn.parser = get_parser(self.cfg, conn.inbox, conn.client)
        if self._health_port and conn.server[1] == self._health_port and path not in PROBES:
            conn.sock.sendall(page(RouteNotFound()))
            self._reception.finished(conn, False)
            return
        pool = self._probe_pool if path in PROBES else self.tpool
        if conn.inbox.streaming:
            pool = self._upload_pool
        future = pool.submit(self.handle, conn)
        future.add_done_callback(
            lambda done: self.method_queue.defer(self.finish_request, conn, done)
        )

    def finish_request(self, conn: Connection, done: Future[bool]) -> None:
        keep = not done.cancelled() and done.exception() is None and bool(done.result())
        # Bytes that gunicorn read and did not use belong to a request that it did not understand.
        left_over = bool(conn.parser.unreader.buf.getvalue())
        self._reception.finished(conn, keep and self.alive and not left_over)

    def handle_request(self, req: Any, conn: Connection) -> bool:
        if conn.inbox.cut:
            req.force_close()
        return bool(super().handle_request(req, conn))

    def _keepalive_after(self, conn: Connection, keepalive: bool) -> bool:
        """As the answer said. A body that no route asked for is here already, whole: however long
        it is, it is passed over, where gunicorn would close after 64 KiB without a word."""
        if conn.inbox.streaming:
            return bool(super()._keepalive_after(conn, keepalive))
        return keepalive and bool(conn.parser.finish_body())

    def murder_pending(self) -> None:
        self._reception.look()

    def murder_keepalived(self, force: bool = False) -> None:
        if force:
            self._reception.close_idle()

    def _cap_keepalive(self, deadline: float) -> None:
        self._reception.last_calls(deadline)

    def _gone(self) -> None:
        self.nr_conns -= 1

    def handle_error(self, req: Any, client: Outbox, addr: Any, exc: Exception) -> None:  # noqa: ARG002
        """Answer a request that could not be read, and say so in the log."""
        known = _known(exc)
        if known.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            self.log.error("Error handling a request: %s", type(exc).__name__, exc_info=exc)
        else:
            self.log.warning("Invalid request: %s", type(exc).__name__)
        if isinstance(exc, ANSWERED):
            return
        metrics.REJECTIONS.labels(known.code).inc()
        with suppress(OSError):
            client.sendall(page(known))


def limits_of(settings: Settings, keepalive: float) -> Limits:
    """What one worker grants."""
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return Limits(
        patience=settings.client_timeout,
        keepalive=keepalive,
        connections=max(64, min(1000, most - 256)),
        an_address=settings.address_connections,
        body=settings.max_body_bytes,
        held=16 * settings.max_body_bytes,
        free=Proxies(settings.trusted_proxies).trusts,
    )


def page(error: FacegateError) -> bytes:
    """A whole answer. Long addresses are the queries of contract 2, so theirs is in its form."""
    identity = uuid.uuid4().hex
    body: dict[str, object] = {"error": error.sentence}
    if isinstance(error, AddressTooLong):
        body = failed(error, identity)
    content = orjson.dumps(body | {"code": error.code, "request_id": identity})
    headers = HEADERS | {
        "Cache-Control": "no-store",
        "Connection": "close",
        "Content-Length": str(len(content)),
        "Content-Type": "application/json",
        "X-Request-ID": identity,
    }
    lines = [f"{name}: {value}" for name, value in headers.items()]
    first = f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}"
    return "\r\n".join([first, *lines, "", ""]).encode() + content


def _known(exc: Exception) -> FacegateError:
    if isinstance(exc, theirs.LimitRequestLine):
        return AddressTooLong()
    if isinstance(exc, theirs.LimitRequestHeaders):
        return HeadersTooLarge()
    return (
        RequestError() if isinstance(exc, (theirs.ParseException, *ANSWERED)) else FacegateError()
    )
