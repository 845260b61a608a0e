"""A real HTTP receiver of callbacks on localhost."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True)
class Post:
    body: bytes
    headers: dict[str, str]

    @property
    def result(self) -> dict[str, Any]:
        return dict(json.loads(self.body))


class Receiver:
    """`posts` is what it accepted; `answers` are statuses to give before it accepts."""

    def __init__(self) -> None:
        self.posts: list[Post] = []
        self.refused: list[Post] = []
        self.answers: list[int] = []
        self.go = threading.Event()  # posts wait for it
        self.reached = threading.Event()
        self.go.set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/results"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.go.set()
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        ours = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                ours.reached.set()
                ours.go.wait(60)
                status = ours.answers.pop(0) if ours.answers else 200
                post = Post(body, {k.lower(): v for k, v in self.headers.items()})
                (ours.posts if status < 300 else ours.refused).append(post)
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Quiet."""

        return Handler
