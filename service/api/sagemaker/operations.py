"""Contract 5 in the OpenAPI document."""

from __future__ import annotations

from service.api.openapi.describe import (
    BODY,
    JUDGING,
    LICENCE,
    ErrorClass,
    Json,
    about,
    body,
    failures,
    json_answer,
    parameter,
)
from service.errors import FacegateError

ERRORS: list[ErrorClass] = [*BODY, *JUDGING, *LICENCE, FacegateError]
LABEL: Json = {
    "type": "object",
    "required": ["label", "score"],
    "properties": {"label": {"enum": ["fake", "real"]}, "score": {"type": "number"}},
}
LABELS: Json = {"type": "array", "items": LABEL, "minItems": 2, "maxItems": 2}
BINARY: Json = {"schema": {"type": "string", "format": "binary"}}
IMAGE: Json = {
    "type": "object",
    "required": ["image"],
    "properties": {"image": {"type": "string", "description": "a data URI or bare base64"}},
}


def paths() -> Json:
    """The `paths` of contract 5."""
    named = _invoke("invokeEndpoint") | {
        "parameters": [parameter("name", "path", {"type": "string"})]
    }
    return {
        "/ping": {"get": _ping()},
        "/invocations": {"post": _invoke("invocations")},
        "/endpoints/{name}/invocations": {"post": named},
    }


def _ping() -> Json:
    return {
        **about("ping", "SageMaker", "Does this container judge images?"),
        "responses": {
            "200": {"description": "it does"},
            "503": {"description": "not yet"},
            **failures([FacegateError]),
        },
    }


def _invoke(operation: str) -> Json:
    good = json_answer("Both labels, the higher score first", LABELS)
    good["content"]["application/jsonlines"] = {"schema": {"type": "string"}}
    content = {
        "image/jpeg": BINARY,
        "image/png": BINARY,
        "application/json": {"schema": IMAGE},
        "application/jsonlines": {"schema": {"type": "string"}},
    }
    return {
        **about(operation, "SageMaker", "Is this image a deepfake?"),
        "requestBody": body(content),
        "responses": {"200": good, **failures(ERRORS)},
    }
