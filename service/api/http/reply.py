"""JSON responses, and the headers that every response carries."""

from __future__ import annotations

from typing import IO
from urllib.parse import urlsplit, urlunsplit

import orjson
from flask import Flask, Response, request
from pydantic import BaseModel
from werkzeug.wsgi import FileWrapper

# The documentation page needs inline styles (of swagger-ui); nothing needs another host.
POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
    " object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
PIECE = 256 * 1024  # bytes of a file that are read and sent at a time


class LargePieces(FileWrapper):
    """A file for WSGI. With the usual 8 KiB, many threads that send files spend half of their time
    on passing the interpreter's lock around."""

    def __init__(self, file: IO[bytes], _: int = 0) -> None:
        super().__init__(file, PIECE)


def install(app: Flask) -> None:
    """Register the headers on an app, and how it sends files."""
    app.before_request(_send_files_in_large_pieces)
    app.after_request(_secure)
    app.after_request(_stay)


def json_reply(body: BaseModel | dict[str, object] | dict[str, str], status: int = 200) -> Response:
    """A JSON answer; what is None in a model is left out."""
    if isinstance(body, BaseModel):
        body = body.model_dump(mode="json", exclude_none=True)
    return Response(orjson.dumps(body), status, mimetype="application/json")


def _send_files_in_large_pieces() -> None:
    request.environ["wsgi.file_wrapper"] = LargePieces
    if request.range is None or request.range.units != "bytes":
        request.environ.pop("HTTP_RANGE", None)  # RFC 9110: what is not understood is ignored


def _stay(response: Response) -> Response:
    """Redirect to another path of the same address: which scheme and host it has for those behind a
    proxy, werkzeug does not know, and it would send them on without TLS."""
    if response.status_code == 308 and response.location:
        response.location = urlunsplit(("", "", *urlsplit(response.location)[2:]))
    return response


def _secure(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    # Scores and keys have no business in a proxy's or a browser's cache.
    response.headers.setdefault("Cache-Control", "no-store")
    return response
