"""gunicorn's threaded worker with error pages in JSON like all other responses.

They are for requests that no route ever sees: a request line or headers that are malformed or too
long. Neither page nor log repeats what was sent: a `hash_id` may stand in it.
"""

from __future__ import annotations

import socket
import threading
import time
import uuid
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import orjson
from gunicorn.http import errors as theirs
from gunicorn.util import write_nonblock
from gunicorn.workers.gthread import ThreadWorker

from service.api.check.envelope import failed
from service.api.http.reply import HEADERS
from service.errors import AddressTooLong, FacegateError, HeadersTooLarge, RequestError
from service.runtime import metrics

# Of a body: the answer was given already, and what is left of the request cannot be read.
ANSWERED = (
    theirs.InvalidChunkSize,
    theirs.ChunkMissingTerminator,
    theirs.InvalidChunkExtension,
    theirs.NoMoreData,
)
LINGER = 1.0  # seconds for reading what a client still sends, or it would not see the answer


class Worker(ThreadWorker):  # type: ignore[misc]
    """See above."""

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

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: Exception) -> None:  # noqa: ARG002
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
            write_nonblock(client, page(known))
            _linger(client)


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


def _linger(client: socket.socket) -> None:
    client.shutdown(socket.SHUT_WR)
    deadline = time.monotonic() + LINGER
    while (left := deadline - time.monotonic()) > 0:
        client.settimeout(left)
        if not client.recv(65536):
            return
