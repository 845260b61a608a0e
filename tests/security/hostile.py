"""Bad inputs, as many as one likes: broken HTTP, broken bodies, broken images, wrong keys.

`Hostile(live).one()` sends one and returns what came back; `leaks` tells what must never.
"""

from __future__ import annotations

import json
import random
import re
import socket
from collections.abc import Callable
from contextlib import suppress

from tests.images import genuine
from tests.live import Live, data_uri

POSTS = [
    "/liveness",
    "/v1/analyze",
    "/v1/analyze/batch",
    "/v1/jobs",
    "/predict",
    "/detect",
    "/register",
    "/token",
    "/token/revoke",
    "/users/me/password",
    "/invocations",
    "/endpoints/x/invocations",
    "/1.0/check.json",
]
GETS = [
    "/v1/results",
    "/v1/results/x",
    "/v1/model-card",
    "/v1/jobs/x",
    "/users/me",
    "/history",
    "/history/x",
    "/healthz",
    "/readyz",
    "/metrics",
    "/docs",
    "/docs/../../etc/passwd",
    "/openapi.json",
    "/1.0/check.json",
    "/ping",
]
TYPES = [
    "application/json",
    "multipart/form-data;boundary=b",
    "multipart/form-data",
    "image/jpeg",
    "text/plain",
    "application/x-www-form-urlencoded",
    "application/jsonlines",
    "application/octet-stream",
    "x/y",
]
LINES = ("GET", "POST", "PUT", "DELETE", "TRACE", "CONNECT", "OPTIONS", "FOO", "get", "\x00", "é")
INNARDS = re.compile(rb'Traceback|File "|/site-packages/|\.py"|sqlite3\.|pymongo|argon2id\$')


class Hostile:
    """Deterministic by its seed. `hash_id` is a good key that must not show up anywhere."""

    def __init__(self, live: Live, seed: int = 0) -> None:
        self._live, self._random = live, random.Random(seed)
        self._key = live.hash_id
        self._image = genuine()
        self.sent = 0

    def one(self) -> bytes:
        """Send one bad request; the answer, or nothing where the connection was ended."""
        kinds: list[Callable[[], bytes]] = [self._broken_http, self._post, self._get, self._noise]
        request = self._random.choice(kinds)()
        self.sent += 1
        with suppress(OSError), self._connected() as client:
            client.sendall(request)
            with suppress(OSError):
                client.shutdown(socket.SHUT_WR)
            found = b""
            while more := client.recv(65536):
                found += more
            return found
        return b""

    def _connected(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self._live.settings.port), 30)

    def _noise(self) -> bytes:
        return self._random.randbytes(self._random.randrange(1, 3000))

    def _broken_http(self) -> bytes:
        """The key stands where a malformed request may bring it into a log."""
        line = f"{self._random.choice(LINES)} {self._random.choice(GETS + POSTS)}?k={self._key}"
        heads = [f"X-Hash-Id: {self._key}", f"Authorization: Bearer {self._key}", "Host: a"]
        odd = self._random.choice(
            [
                *(f"bad header {self._key}", f"{self._key}", f": {self._key}", "A\tB: c"),
                *("Content-Length: -1", "Content-Length: 5\r\nContent-Length: 6", "X: \x00"),
                *("Transfer-Encoding: chunked\r\nContent-Length: 3", f" folded {self._key}"),
                *("Transfer-Encoding: xchunked", f"X: {'y' * 9000}", "Expect: 200-maybe"),
            ]
        )
        version = self._random.choice(["HTTP/1.1", "HTTP/1.0", "HTTP/9.9", "HTP/1.1", ""])
        end = self._random.choice(["\r\n", "\r\n", "\n", "\r"])
        text = end.join([f"{line} {version}", *heads, odd, "", ""])
        return text.encode("utf-8", "surrogateescape") + self._random.randbytes(20)

    def _get(self) -> bytes:
        path = self._random.choice(GETS) + self._random.choice(
            ["", "?limit=-1", "?cursor=%00", "/"]
        )
        return self._framed(f"GET {path} HTTP/1.1", b"", "text/plain")

    def _post(self) -> bytes:
        path, kind = self._random.choice(POSTS), self._random.choice(TYPES)
        return self._framed(f"POST {path} HTTP/1.1", self._body(), kind)

    def _framed(self, line: str, body: bytes, kind: str) -> bytes:
        key = self._random.choice([self._key, self._key, "fg_wrong", "", "\x7f", "x" * 600])
        head = f"{line}\r\nHost: a\r\nContent-Type: {kind}\r\nX-Hash-Id: {key}\r\n"
        chunked = b"%x\r\n%s\r\n%s\r\n\r\n" % (
            len(body),
            body,
            self._random.choice([b"0", b"-1", b"zz", b"", b"0x0", b"fffffffffffffffff"]),
        )
        if self._random.random() < 0.3:
            return f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + chunked
        length = len(body) + self._random.choice([0, 0, 0, 7, -3])
        return f"{head}Content-Length: {max(length, 0)}\r\n\r\n".encode() + body

    def _body(self) -> bytes:
        image = bytearray(self._image[: self._random.randrange(len(self._image))])
        for _ in range(self._random.randrange(20)):
            image[self._random.randrange(max(len(image), 1)) - 1 :][:1] = self._random.randbytes(1)
        value = self._random.choice(
            [None, 1, -1e308, "", "\ud800", [], {}, data_uri(bytes(image)), "A" * 999, [[]] * 9]
        )
        fields = {
            name: value
            for name in ("hash_id", "selfie_image", "image", "images", "image_data", "username")
            if self._random.random() < 0.6
        }
        texts = [
            json.dumps(fields).encode(),
            bytes(image),
            b"[" * self._random.randrange(5000),
            b"--b\r\nContent-Disposition: form-data; name=image; filename=a\r\n\r\n" + image,
            b"&".join([b"username=a%00b&password=" + self._random.randbytes(9)] * 3),
            b"{}\n" * self._random.randrange(50),
        ]
        return self._random.choice(texts)


def leaks(text: bytes) -> list[bytes]:
    """Innards of the program in an answer."""
    return INNARDS.findall(text)
