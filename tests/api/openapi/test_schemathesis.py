"""Schemathesis calls every operation with generated requests: no 5xx, and only documented answers.

The requests that it makes up seldom hold a key, so one is given to it; images it cannot make up,
so a real one is among what it may send.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from service.api.openapi.document import document
from tests.images import genuine
from tests.live import Live, data_uri
from tests.security.hostile import leaks
from tests.thorough import either

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


schema = schemathesis.openapi.from_dict(document(16))


@schema.parametrize()
@settings(
    max_examples=either(25, 10),
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
def test_generated_requests(case: schemathesis.Case, live: Live) -> None:
    if case.method == "POST" and isinstance(case.body, dict):
        _make_it_plausible(case.body, live)
    case.call_and_validate(
        base_url=live.base,
        headers={"X-Hash-Id": live.hash_id},
        checks=CHECKS,
        timeout=30,
    )


def _make_it_plausible(body: dict[str, Any], live: Live) -> None:
    """A known key in every other request, a real image in some."""
    text = str(body)
    if len(text) % 2:
        body["hash_id"] = live.hash_id
    if len(text) % 3 == 0 and isinstance(body.get("image"), str):
        body["image"] = data_uri(genuine())


def _cut(body: bytes, at: int) -> bytes:
    return body[: at % (len(body) + 1)]


def _flip(body: bytes, at: int) -> bytes:
    place = at % len(body)
    return body[:place] + bytes([body[place] ^ (1 + at % 255)]) + body[place + 1 :]


DAMAGES: dict[str, Callable[[bytes, int], bytes]] = {
    "cut short": _cut,
    "a byte changed": _flip,
    "twice": lambda body, at: body + body,
    "not UTF-8": lambda body, at: body[: at % len(body)] + b"\xff\xfe\xed\xa0\x80",
    "zeros": lambda body, at: bytes(len(body)),
    "brackets": lambda body, at: b"[" * (at % 100_000) + body,
    "a list": lambda body, at: b"[" + body + b"]",
    "a name twice": lambda body, at: b'{"image":1,' + body[1:],
}
TYPES = (None, "", "application/json", "application/json; charset=utf-16", "multipart/form-data")


@schema.parametrize()
@settings(
    max_examples=either(20, 8),
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
def test_malformed_bodies(case: schemathesis.Case, live: Live) -> None:
    """Every route, those that take no body too: one documented answer, and nothing of the inside.

    The content type is the right one, none, or another one than what was sent.
    """
    chance = random.Random(f"{case.method} {case.path} {case.body!r}")
    damage, kind, at = chance.choice(sorted(DAMAGES)), chance.choice(TYPES), chance.randrange(2**31)
    wanted = case.as_transport_kwargs(base_url=live.base)
    request = requests.Request(**wanted).prepare()
    body = request.body if isinstance(request.body, bytes) else (request.body or "").encode()
    request.headers["X-Hash-Id"] = live.hash_id
    if kind is not None:
        request.headers["Content-Type"] = kind
    request.headers.pop("Content-Length", None)  # stays as it was where nothing is left
    request.prepare_body(DAMAGES[damage](body or b"{}", at), None)
    answer = live.session.send(request, timeout=30)
    assert answer.status_code < 500
    assert not leaks(answer.content)
    case.validate_response(answer, checks=[status_code_conformance, content_type_conformance])
