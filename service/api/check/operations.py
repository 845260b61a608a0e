"""Contract 2 in the OpenAPI document."""

from __future__ import annotations

from service.api.check.schemas import CheckAnswer, CheckFailure, CheckForm, CheckTakenIn
from service.api.openapi.describe import (
    BODY,
    JUDGING,
    LICENCE,
    MEDIA,
    TEXT,
    ErrorClass,
    Json,
    about,
    answers,
    body,
    json_answer,
    parameter,
    ref,
)
from service.errors import (
    AddressRefused,
    AddressTooLong,
    FetchError,
    JobsFull,
    RequestError,
    TooManyJobs,
)

ERRORS: list[ErrorClass] = [
    RequestError,
    *JUDGING,
    *MEDIA,
    TooManyJobs,
    JobsFull,
    FetchError,
    AddressRefused,
    *LICENCE,
]
EXAMPLE: Json = {
    "status": "success",
    "request": {"id": "req_1c2e", "timestamp": 1491402308.4762, "operations": 1},
    "type": {"deepfake": 0.01},
    "media": {"id": "med_5f1a", "uri": "https://example.com/face.jpg"},
}
LATER: Json = {"202": json_answer("taken in, to be judged later", ref(CheckTakenIn))}
FIELDS = ("models", "api_user", "api_secret")


def paths() -> Json:
    """The `paths` of contract 2."""
    return {"/1.0/check.json": {"get": _get(), "post": _post()}}


def _get() -> Json:
    parameters = [parameter(name, "query", TEXT) for name in (*FIELDS, "url")]
    callback = parameter("callback_url", "query", TEXT)
    return {
        **about("checkAddress", "Sightengine", "Is the image behind this address a deepfake?"),
        "parameters": [*(one | {"required": True} for one in parameters), callback],
        "responses": LATER | answers(CheckAnswer, [*ERRORS, AddressTooLong], EXAMPLE, CheckFailure),
    }


def _post() -> Json:
    media = {
        "type": "string",
        "format": "binary",
        "description": "an image, a video or a recording",
    }
    upload = {
        "type": "object",
        "properties": dict.fromkeys((*FIELDS, "callback_url"), TEXT) | {"media": media},
    }
    content = {
        "multipart/form-data": {"schema": upload | {"required": [*FIELDS, "media"]}},
        "application/x-www-form-urlencoded": {"schema": ref(CheckForm)},
    }
    errors = [*ERRORS, *BODY]
    return {
        **about("checkUpload", "Sightengine", "Is this upload a deepfake?"),
        "requestBody": body(content),
        "responses": LATER | answers(CheckAnswer, errors, EXAMPLE, CheckFailure),
    }
