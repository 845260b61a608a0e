"""Contract 5 in the OpenAPI document."""

from __future__ import annotations

from service.api.http.body import JSON
from service.api.http.schemas import Json
from service.api.openapi.failures import BODY, JUDGING, LICENCE
from service.api.openapi.operation import BINARY, TEXT, Operation, Operations, Reply

TAG = "SageMaker"
LINES = "application/jsonlines"
LABEL: Json = {
    "type": "object",
    "required": ["label", "score"],
    "properties": {"label": {"enum": ["fake", "real"]}, "score": {"type": "number"}},
}
LABELS: Json = {"type": "array", "items": LABEL, "minItems": 2, "maxItems": 2}
IMAGE: Json = {
    "type": "object",
    "required": ["image"],
    "properties": {"image": {"type": "string", "description": "a data URI or bare base64"}},
}


def _invoke(operation: str) -> Operation:
    content = {JSON: {"schema": LABELS}, LINES: {"schema": TEXT}}
    return Operation(
        id=operation,
        tag=TAG,
        summary="Is this image a deepfake?",
        takes={"image/jpeg": BINARY, "image/png": BINARY, JSON: IMAGE, LINES: TEXT},
        gives={200: Reply("Both labels, the higher score first", content)},
        fails=[*BODY, *JUDGING, *LICENCE],
    )


OPERATIONS: Operations = {
    "GET /ping": Operation(
        id="ping",
        tag=TAG,
        summary="Does this container judge images?",
        gives={200: Reply("it does"), 503: Reply("not yet")},
    ),
    "POST /invocations": _invoke("invocations"),
    "POST /endpoints/{name}/invocations": _invoke("invokeEndpoint"),
}
