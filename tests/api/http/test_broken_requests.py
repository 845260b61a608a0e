"""What the server or the parsers of bodies refuse: each with JSON and one clear sentence."""

from __future__ import annotations

import gzip
import json
import select
import socket
from http.client import HTTPConnection
from typing import Any

import pytest

from tests.images import genuine
from tests.live import Live, data_uri

JSON_ROUTES = ["/liveness", "/v1/analyze", "/v1/analyze/batch", "/predict"]
FORM_ROUTES = ["/v1/analyze", "/v1/analyze/batch", "/detect", "/token", "/register"]
CHECK = "/1.0/check.json"
EVERY = [*JSON_ROUTES, "/detect", "/token", "/register", CHECK, "/invocations"]
FORM = "multipart/form-data"
BOM = b"\xef\xbb\xbf"


def sentence(body: dict[str, Any]) -> str:
    """Whatever the contract calls it."""
    error = body.get("error", body.get("detail"))
    return str(error["message"] if isinstance(error, dict) else error)


@pytest.mark.parametrize("path", ["/liveness", "/predict"])
def test_a_form_where_json_is_asked_for(live: Live, path: str) -> None:
    answer = live.post(path, files={"selfie_image": ("a.jpg", genuine())})
    assert (answer.status_code, answer.json()["code"]) == (415, "WRONG_MEDIA_TYPE")
    assert sentence(answer.json()) == "The request must be JSON."


@pytest.mark.parametrize("path", ["/detect", "/token", "/register", CHECK])
def test_json_where_a_form_is_asked_for(live: Live, path: str) -> None:
    answer = live.post(path, json={})
    assert answer.status_code == 415
    must = "The request must be multipart form data or a URL-encoded form."
    assert sentence(answer.json()) == must


@pytest.mark.parametrize("path", ["/v1/analyze", "/v1/analyze/batch"])
def test_neither_json_nor_a_form(live: Live, path: str) -> None:
    answer = live.post(path, data="x", headers={"Content-Type": "text/plain"})
    assert sentence(answer.json()) == "The request must be JSON or multipart form data."


@pytest.mark.parametrize("path", EVERY)
@pytest.mark.parametrize("encoding", ["gzip", "br", "identity, deflate", "GZIP"])
def test_a_compressed_body(live: Live, path: str, encoding: str) -> None:
    kind = "application/json" if path in JSON_ROUTES else f"{FORM}; boundary=b"
    headers = {"Content-Type": kind, "Content-Encoding": encoding, "X-Hash-Id": live.hash_id}
    answer = live.post(path, data=gzip.compress(b"{}"), headers=headers)
    assert answer.status_code == 415
    assert sentence(answer.json()) == "The request body must not be compressed."


@pytest.mark.parametrize("path", [*FORM_ROUTES, CHECK])
@pytest.mark.parametrize("kind", [FORM, f"{FORM}; boundary=", f'{FORM}; boundary=""'])
def test_form_data_without_a_boundary(live: Live, path: str, kind: str) -> None:
    data = b'--XX\r\nContent-Disposition: form-data; name="image"\r\n\r\nx\r\n--XX--\r\n'
    answer = live.post(path, data=data, headers={"Content-Type": kind})
    assert answer.status_code == 400
    assert sentence(answer.json()).startswith("The boundary is missing")


@pytest.mark.parametrize("path", [*FORM_ROUTES, CHECK])
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b'--b\r\nContent-Disposition: form-data; name="image"\r\n\r\nhalf',
        b'--c\r\nContent-Disposition: form-data; name="image"\r\n\r\nx\r\n--c--\r\n',
        b'--b\r\nContent-Disposition: form-data; name="image"\r\n',
    ],
    ids=["empty", "cut", "another boundary", "cut in a header"],
)
def test_form_data_that_is_damaged(live: Live, path: str, data: bytes) -> None:
    answer = live.post(path, data=data, headers={"Content-Type": f"{FORM}; boundary=b"})
    assert answer.status_code == 400
    assert sentence(answer.json()) == "The form data is cut short or malformed."


def test_what_follows_form_data_does_no_harm(live: Live) -> None:
    head = b'--b\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n'
    body = head + genuine() + b"\r\n--b--\r\ntrailing garbage"
    headers = {"Content-Type": f"{FORM}; boundary=b", "X-Hash-Id": live.hash_id}
    assert live.post("/v1/analyze", data=body, headers=headers).status_code == 200


def json_bodies(live: Live) -> dict[str, bytes]:
    """A sound body of every route that takes JSON."""
    image = data_uri(genuine())
    base64 = image.partition(",")[2]
    bodies: dict[str, Any] = {
        "/liveness": {"hash_id": live.hash_id, "selfie_image": image},
        "/v1/analyze": {"hash_id": live.hash_id, "image": image},
        "/v1/analyze/batch": {"hash_id": live.hash_id, "images": [{"image": image}]},
        "/predict": {"media_type": "image", "image_data": base64},
        "/invocations": {"image": image},
    }
    return {path: json.dumps(body).encode() for path, body in bodies.items()}


@pytest.mark.parametrize("path", [*JSON_ROUTES, "/invocations"])
def test_json_with_a_byte_order_mark(live: Live, path: str) -> None:
    headers = {"Content-Type": "application/json; charset=utf-8", "X-Hash-Id": live.hash_id}
    answer = live.post(path, data=BOM + json_bodies(live)[path], headers=headers)
    assert answer.status_code == 200, answer.text


def test_json_lines_with_a_byte_order_mark(live: Live) -> None:
    headers = {"Content-Type": "application/jsonlines", "X-Hash-Id": live.hash_id}
    line = json_bodies(live)["/invocations"]
    answer = live.post("/invocations", data=BOM + line + b"\n" + line, headers=headers)
    assert [json.loads(one)[0]["label"] for one in answer.text.splitlines()] == ["real", "real"]


def raw(live: Live, request: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of what these bytes are answered with; the connection ends."""
    with socket.create_connection(("127.0.0.1", live.settings.port), timeout=20) as connection:
        connection.sendall(request)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    return int(first.split()[1]), headers, body


def test_a_long_body_that_no_route_asked_for_ends_no_connection(live: Live) -> None:
    """The answer says nothing of an end, so the client sends its next request there."""
    connection = HTTPConnection("127.0.0.1", live.settings.port, timeout=20)
    for _ in range(2):
        connection.request("GET", "/healthz", b"[" * 90_000)
        answer = connection.getresponse()
        assert answer.status == 200
        assert answer.getheader("Connection") != "close"
        answer.read()
        assert not select.select([connection.sock], [], [], 0.2)[0]
    connection.close()


CHUNKS = {
    "negative": b"-1\r\n{}\r\n0\r\n\r\n",
    "hexadecimal prefix": b"0x2\r\n{}\r\n0\r\n\r\n",
    "no number": b"zz\r\n{}\r\n0\r\n\r\n",
    "bad terminator": b"2\r\n{}XX0\r\n\r\n",
    "bare CR": b"2\r{}\r\n0\r\n\r\n",
    "too short": b"f\r\n{}\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("path", EVERY)
@pytest.mark.parametrize("chunks", CHUNKS.values(), ids=CHUNKS)
def test_malformed_chunks(live: Live, path: str, chunks: bytes) -> None:
    kind = "application/json" if path in JSON_ROUTES else f"{FORM}; boundary=b"
    before = live.log().count("Traceback")
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\n"
    head += f"X-Hash-Id: {live.hash_id}\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection(("127.0.0.1", live.settings.port), timeout=20) as connection:
        connection.sendall(head.encode() + chunks)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    status, body = answer.split(b" ")[1], answer.partition(b"\r\n\r\n")[2]
    assert status == b"400", answer
    assert sentence(json.loads(body))
    assert live.log().count("Traceback") == before


def test_malformed_chunks_where_no_body_is_read(live: Live) -> None:
    head = b"GET /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    status, _, body = raw(live, head + CHUNKS["no number"])
    assert status == 200
    assert json.loads(body)["status"] == "ok", "one answer, and nothing behind it"


@pytest.mark.parametrize("length", [4000, 6000, 8000])
def test_a_long_query_of_the_check_is_read(live: Live, length: int) -> None:
    url = "https://127.0.0.1/a.jpg?X-Amz-Security-Token=" + "A" * (length - 200)
    fields = {"models": "deepfake", "api_user": "test", "api_secret": live.hash_id, "url": url}
    answer = live.get(CHECK, params=fields)
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "media_error")


@pytest.mark.parametrize("length", [8200, 20_000, 300_000])
def test_a_longer_one_is_refused_in_the_contracts_form(live: Live, length: int) -> None:
    query = f"api_secret={live.hash_id}&url=" + "A" * length
    status, headers, body = raw(live, f"GET {CHECK}?{query} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    found = json.loads(body)
    assert (status, headers["content-type"]) == (414, "application/json")
    assert (found["status"], found["code"]) == ("failure", "ADDRESS_TOO_LONG")
    assert found["request"]["operations"] == 0
    assert (found["error"]["type"], found["error"]["code"]) == ("request_error", 205)


MALFORMED = {
    "request line": b"GET\r\n\r\n",
    "method": b"g\x00t / HTTP/1.1\r\nHost: x\r\n\r\n",
    "version": b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
    "header": b"GET / HTTP/1.1\r\nHost: x\r\nX-Hash-Id secret-4711\r\n\r\n",
    "header name": b"GET / HTTP/1.1\r\nHost: x\r\nX Hash Id: secret-4711\r\n\r\n",
    "folded header": b"GET / HTTP/1.1\r\nHost: x\r\nX-Hash-Id: a\r\n secret-4711\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
}


@pytest.mark.parametrize("request_bytes", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_request(live: Live, request_bytes: bytes) -> None:
    status, headers, body = raw(live, request_bytes)
    found = json.loads(body)
    assert (status, found["code"]) == (400, "BAD_REQUEST")
    assert headers["x-request-id"] == found["request_id"]
    assert headers["x-content-type-options"] == "nosniff"
    assert b"secret" not in body
    assert "secret-4711" not in live.log()
    assert "Invalid request from ip" not in live.log()


@pytest.mark.parametrize(
    "headers", [b"X-A: " + b"a" * 9000 + b"\r\n", b"X-A: a\r\n" * 150], ids=["long", "many"]
)
def test_headers_that_are_too_large(live: Live, headers: bytes) -> None:
    status, _, body = raw(live, b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + headers + b"\r\n")
    assert (status, json.loads(body)["code"]) == (431, "HEADERS_TOO_LARGE")


@pytest.mark.parametrize("path", [*EVERY, "/healthz", "/v1/results", "/nowhere"])
@pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
def test_head_and_options(live: Live, path: str, method: str) -> None:
    answer = live.session.request(method, live.base + path, timeout=20)
    assert answer.status_code < 500
    assert not answer.content or "error" in answer.json() or "detail" in answer.json()
