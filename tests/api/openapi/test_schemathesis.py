"""Schemathesis calls every operation with generated requests: no 5xx, and only documented answers.

The requests that it makes up seldom hold a key, so one is given to it; images it cannot make up,
so a real one is among what it may send.
"""

from __future__ import annotations

from typing import Any

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
    max_examples=25,
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
