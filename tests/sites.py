"""A web site on localhost, whose pages a test makes up.

with Site({"/a.jpg": page(b"...", "image/jpeg")}) as site:
    fetcher.fetch(site.url("/a.jpg"))
    site.asked    # method, path, headers and body of each request
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

Page = Callable[[BaseHTTPRequestHandler], None]
Asked = tuple[str, str, dict[str, str], bytes]


class Site:
    """Answers every path that it has a page for, and 404 for the others."""

    def __init__(
        self,
        pages: Mapping[str, Page],
        tls: ssl.SSLContext | None = None,
        address: tuple[str, int] = ("127.0.0.1", 0),
    ) -> None:
        self.asked: list[Asked] = []
        self.pages = dict(pages)
        self.over = threading.Event()  # what a page that never ends waits for
        self._server = ThreadingHTTPServer(address, _handler(self))
        self._server.daemon_threads = True
        self._scheme = "http"
        if tls is not None:
            self._scheme = "https"
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"{self._scheme}://{host}:{self.port}{path}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()


def page(body: bytes, media_type: str = "image/jpeg", status: int = 200, **headers: str) -> Page:
    """A page with a length."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        fields = {"Content_Type": media_type, "Content_Length": str(len(body))} | headers
        for name, value in fields.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def redirect(location: str, status: int = 302) -> Page:
    """A page that leads elsewhere."""
    return page(b"", status=status, Location=location)


def drip(site: Site, start: bytes, piece: bytes = b"x") -> Page:
    """A page that begins, then sends a piece now and then and never ends."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(start)
        while not site.over.wait(0.05):
            handler.wfile.write(piece)

    return answer


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except OSError:  # the client broke off, as it should
                self.close_connection = True

        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            site.asked.append((self.command, self.path, dict(self.headers), body))
            site.pages.get(self.path, page(b"", status=404))(self)

        do_POST = do_GET

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
