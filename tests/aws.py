"""A real AWS API server on localhost, with a door before it that can be told to misbehave.

with Aws() as aws:
    aws.client("s3").create_bucket(Bucket="selfies")
    aws.fail("GET", "/selfies/", 503, "SlowDown", times=2)   # the next two such requests
    aws.environment           # what a subprocess needs to reach it with boto3
"""

from __future__ import annotations

import http.client
import json
import threading
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import boto3
from moto.backends import get_backend
from moto.core import DEFAULT_ACCOUNT_ID
from moto.server import ThreadedMotoServer

from tests.forks import share_descriptions

REGION = "eu-central-1"
ERROR = "<Error><Code>{code}</Code><Message>made by a test</Message></Error>"


@dataclass
class Fault:
    method: str
    part: str  # of path, query, target header or body
    status: int
    code: str
    times: int
    body: bytes | None = None


@dataclass
class Gap:
    """A download that stops in the middle until it is let go."""

    part: str
    reached: threading.Event = field(default_factory=threading.Event)
    go: threading.Event = field(default_factory=threading.Event)


class Door(BaseHTTPRequestHandler):
    """Passes a request on to the server unless a fault is due."""

    protocol_version = "HTTP/1.1"
    aws: Aws

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (ConnectionError, TimeoutError):  # a client that was killed
            self.close_connection = True

    def serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        text = f"{self.path} {self.headers.get('X-Amz-Target', '')} {body[:2000]!r}"
        self.aws.seen.append(f"{self.command} {text}")
        fault = self.aws.due(self.command, text)
        if self.path in self.aws.documents:
            self._send(200, {"Content-Type": "application/json"}, self.aws.documents[self.path])
        elif fault is not None:
            self._fail(fault)
        else:
            self._pass(body, next((gap for gap in self.aws.gaps if gap.part in self.path), None))

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = serve

    def _fail(self, fault: Fault) -> None:
        json_like = "X-Amz-Target" in self.headers
        text = f'{{"__type": "{fault.code}"}}' if json_like else ERROR.format(code=fault.code)
        self._send(fault.status, {"Content-Type": "application/xml"}, text.encode())

    def _pass(self, body: bytes, gap: Gap | None) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.aws.port, timeout=60)
        headers = {k: v for k, v in self.headers.items() if k.lower() != "connection"}
        connection.request(self.command, self.path, body or None, headers)
        answer = connection.getresponse()
        data = answer.read()
        kept = {k: v for k, v in answer.getheaders() if k.lower() not in SKIPPED}
        if self.command == "HEAD":
            kept["Content-Length"] = answer.headers.get("Content-Length") or "0"
        self._send(answer.status, kept, data, gap)
        connection.close()

    def _send(
        self, status: int, headers: dict[str, str], data: bytes, gap: Gap | None = None
    ) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(data))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        half = len(data) // 2 if gap else len(data)
        self.wfile.write(data[:half])
        if gap is not None:
            self.wfile.flush()
            gap.reached.set()
            gap.go.wait(60)
            self.wfile.write(data[half:])

    def log_message(self, *_: object) -> None:
        """Quiet."""


share_descriptions()
SKIPPED = {"transfer-encoding", "connection", "content-length", "server", "date"}


class Aws:
    """One server with its door."""

    def __init__(self) -> None:
        self._moto = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
        self._door = ThreadingHTTPServer(("127.0.0.1", 0), type("Ours", (Door,), {"aws": self}))
        self._door.daemon_threads = True
        self._lock = threading.Lock()
        self.faults: list[Fault] = []
        self.gaps: list[Gap] = []
        self.seen: list[str] = []
        self.documents: dict[str, bytes] = {}

    def __enter__(self) -> Self:
        self._moto.start()
        self.port = self._moto.get_host_and_port()[1]
        threading.Thread(target=self._door.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._door.shutdown()
        self._moto.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._door.server_port}"

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "AKIATESTTESTTESTTEST",
            "AWS_SECRET_ACCESS_KEY": "not-a-secret-of-anyone",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    @cache  # noqa: B019 (there is one server, until the end)
    def client(self, service: str) -> Any:
        """Straight to the server, past the door."""
        return boto3.client(
            service,
            endpoint_url=f"http://127.0.0.1:{self.port}",
            region_name=REGION,
            aws_access_key_id="x",
            aws_secret_access_key="x",
        )

    def backend(self, service: str) -> Any:
        """The server's own state, for what no call can bring about: time that has passed."""
        return get_backend(service)[DEFAULT_ACCOUNT_ID][REGION]

    def bucket(self, name: str, **objects: bytes) -> Any:
        """A new bucket; the client to fill it with."""
        s3 = self.client("s3")
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
        return s3

    def fail(self, method: str, part: str, status: int, code: str, times: int = 1) -> None:
        """Answer the next `times` such requests with an error."""
        self.faults.append(Fault(method, part, status, code, times))

    def serve(self, path: str, document: dict[str, str]) -> None:
        """Answer this path with a JSON document."""
        self.documents[path] = json.dumps(document).encode()

    def hold(self, part: str) -> Gap:
        """Stop the answers to such paths half-way."""
        self.gaps.append(Gap(part))
        return self.gaps[-1]

    def calm(self) -> None:
        """No faults any more."""
        self.faults.clear()
        for gap in self.gaps:
            gap.go.set()
        self.gaps.clear()
        self.seen.clear()

    def due(self, method: str, text: str) -> Fault | None:
        with self._lock:
            for fault in self.faults:
                if fault.times and fault.method == method and fault.part in text:
                    fault.times -= 1
                    return fault
        return None
