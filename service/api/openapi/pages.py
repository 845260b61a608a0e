"""Pages and documents in the OpenAPI document: itself, its page, the capture page, the keys."""

from __future__ import annotations

from service.api.openapi.operation import TEXT, Operation, Operations, other
from service.errors import SigningUnavailable

DOCUMENTATION, EVIDENCE = "Documentation", "Evidence"
PAGE = other("a page whose parts are all local", "text/html", TEXT)
OPERATIONS: Operations = {
    "GET /.well-known/jwks.json": Operation(
        id="jwks",
        tag=EVIDENCE,
        summary="The public keys that sign answers",
        gives={200: other("JSON Web Key set (RFC 7517)")},
        fails=[SigningUnavailable],
    ),
    "GET /capture": Operation(
        id="capture",
        tag=EVIDENCE,
        summary="A page that takes a picture with the camera",
        gives={200: PAGE},
    ),
    "GET /openapi.json": Operation(
        id="openapi",
        tag=DOCUMENTATION,
        summary="This document",
        gives={200: other("OpenAPI 3.1")},
    ),
    "GET /docs": Operation(
        id="docs", tag=DOCUMENTATION, summary="This document as a page", gives={200: PAGE}
    ),
}
