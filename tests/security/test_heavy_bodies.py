"""Bodies made to cost much: refused before they are parsed, with or without a licence."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.images import genuine
from tests.live import Live, data_uri

JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
PARTS = {"Content-Type": "multipart/form-data; boundary=b"}
LINES = {"Content-Type": "application/jsonlines"}
MIB = 2**20
START = b'--b\r\nContent-Disposition: form-data; name="image"'

HEAVY: dict[str, tuple[str, dict[str, str], Callable[[], bytes]]] = {
    "a million items": ("/v1/analyze/batch", JSON, lambda: _items(1_000_000)),
    "a million empty items": ("/v1/analyze/batch", JSON, lambda: b'{"images":[' + b"{}," * MIB),
    "a million lists": ("/liveness", JSON, lambda: b"[" + b"[]," * (5 * MIB) + b"[]]"),
    "a million names": ("/v1/analyze", JSON, lambda: _names(800_000)),
    "deep lists": ("/predict", JSON, lambda: b"[" * (15 * MIB)),
    "a million fields": ("/token", FORM, lambda: b"a=b&" * (3 * MIB)),
    "fields of check": ("/1.0/check.json", FORM, lambda: b"&" * (15 * MIB)),
    "a long part header": ("/detect", PARTS, lambda: START + b"; a=" + b"x" * (15 * MIB)),
    "many part headers": ("/v1/analyze", PARTS, lambda: START + b"\r\nA: b" * (2 * MIB)),
    "parts without end": ("/1.0/check.json", PARTS, lambda: b"--b\r\nA: b\r\n\r\nx\r\n" * MIB),
    "empty parts": ("/v1/analyze/batch", PARTS, lambda: (START + b"\r\n\r\n\r\n") * (MIB // 4)),
    "a long preamble": ("/v1/analyze", PARTS, lambda: b"-" * (15 * MIB)),
    "no boundary in sight": ("/token", PARTS, lambda: b"\r\n--" * (3 * MIB)),
    "a million lines": ("/invocations", LINES, lambda: b"\n" * MIB),
    "lines of nothing": ("/invocations", LINES, lambda: b"{}\n" * (5 * MIB)),
}


def _items(count: int) -> bytes:
    return b'{"images":[' + b",".join([b'{"image":"A"}'] * count) + b"]}"


def _names(count: int) -> bytes:
    return b"{" + b",".join(b'"a%d":1' % number for number in range(count)) + b"}"


@pytest.mark.parametrize("licensed", [False, True], ids=["nobody", "a customer"])
@pytest.mark.parametrize("name", HEAVY)
def test_a_heavy_body_is_refused_in_no_time(fort: Live, name: str, licensed: bool) -> None:
    path, headers, body = HEAVY[name]
    data = body()
    key = {"X-Hash-Id": fort.hash_id} if licensed else {}
    began = time.monotonic()
    requests.post(f"{fort.base}/nothing", data=data, headers=headers, timeout=60)
    plain = time.monotonic() - began
    began = time.monotonic()
    answer = requests.post(fort.base + path, data=data, headers=headers | key, timeout=60)
    taken = time.monotonic() - began
    assert 400 <= answer.status_code < 500, answer.text[:200]
    assert len(answer.content) < 2000
    # Sending 16 MB through a busy machine's loopback is most of it; parsing took 6 to 33 s.
    assert taken < max(3.0, 5 * plain)


def test_a_wrong_key_in_the_headers_is_told_before_the_body_is_looked_at(fort: Live) -> None:
    wrong = {"X-Hash-Id": "fg_wrong"}
    for path in ("/v1/analyze", "/v1/analyze/batch", "/predict", "/register"):
        answer = fort.post(path, data=b"{", headers=JSON | wrong)
        assert (answer.status_code, answer.json()["code"]) == (401, "LICENCE_UNKNOWN"), path
    wrong = {"X-Amzn-SageMaker-Custom-Attributes": "hash_id=fg_wrong"}
    answer = fort.post("/invocations", data=b"\n" * 5000, headers=LINES | wrong)
    assert answer.status_code == 401


def test_limits_are_told_and_what_keeps_them_is_judged(fort: Live) -> None:
    key = {"X-Hash-Id": fort.hash_id}
    most = fort.settings.max_batch
    told = fort.post("/v1/analyze/batch", json={"images": [{}] * (most + 1)}, headers=key)
    assert (told.status_code, f"at most {most} images" in told.text) == (400, True)
    files = [("image", (f"{n}.jpg", b"x")) for n in range(most + 1)]
    told = fort.post("/v1/analyze/batch", files=files, headers=key)
    assert (told.status_code, f"at most {most} images" in told.text) == (400, True)
    images = [{"image": data_uri(genuine())}] * most
    assert (
        fort.post("/v1/analyze/batch", json={"images": images}, headers=key).json()["failed"] == 0
    )
    told = fort.post("/invocations", data=b"\n" * 1001, headers=LINES | key)
    assert (told.status_code, "at most 1000 lines" in told.text) == (400, True)
    blank = fort.post("/invocations", data=b"\n" * 1000, headers=LINES | key)
    assert (blank.status_code, blank.content.count(b"\n")) == (200, 1000)


def test_lines_come_as_they_are_judged_and_only_those_count(fort: Live) -> None:
    """A client that leaves after the first line has not paid for the others."""
    hash_id = fort.issue(per_day=600)
    headers = LINES | {"X-Hash-Id": hash_id}
    line = json.dumps({"image": data_uri(genuine())}).encode() + b"\n"
    with requests.post(
        f"{fort.base}/invocations", data=line * 60, headers=headers, stream=True, timeout=60
    ) as answer:
        first: Any = json.loads(next(answer.iter_lines(chunk_size=1)))
        assert first[0]["label"] == "real"
    body = {"hash_id": hash_id, "image": data_uri(genuine())}
    assert fort.post("/v1/analyze", json=body).status_code == 200
