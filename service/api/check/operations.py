"""Contract 2 in the OpenAPI document."""

from __future__ import annotations

from service.api.check.schemas import CheckAnswer, CheckFailure, CheckForm, CheckTakenIn
from service.api.http.body import FORM, URLENCODED
from service.api.http.schemas import Json
from service.api.openapi.failures import BODY, JUDGING, LICENCE, MEDIA, ErrorClass
from service.api.openapi.operation import BINARY, TEXT, Operation, Operations, parameter, reply
from service.errors import (
    AddressRefused,
    AddressTooLong,
    FetchError,
    JobsFull,
    RequestError,
    TooManyJobs,
)

TAG = "Sightengine"
ERRORS: list[ErrorClass] = [
    RequestError,
    *(*JUDGING, *MEDIA),
    *(TooManyJobs, JobsFull, FetchError, AddressRefused),
    *LICENCE,
]
EXAMPLE: Json = {
    "status": "success",
    "request": {"id": "req_1c2e", "timestamp": 1491402308.4762, "operations": 1},
    "type": {"deepfake": 0.01},
    "media": {"id": "med_5f1a", "uri": "https://example.com/face.jpg"},
}
GIVES = {
    200: reply(CheckAnswer, example=EXAMPLE),
    202: reply(CheckTakenIn, says="taken in, to be judged later"),
}
FIELDS = ("models", "api_user", "api_secret")
MEDIUM = BINARY | {"description": "an image, a video or a recording"}
UPLOAD: Json = {
    "type": "object",
    "properties": dict.fromkeys((*FIELDS, "callback_url"), TEXT) | {"media": MEDIUM},
    "required": [*FIELDS, "media"],
}
OPERATIONS: Operations = {
    "GET /1.0/check.json": Operation(
        id="checkAddress",
        tag=TAG,
        summary="Is the image behind this address a deepfake?",
        query=(
            *(parameter(name, required=True) for name in (*FIELDS, "url")),
            parameter("callback_url"),
        ),
        gives=GIVES,
        fails=[*ERRORS, AddressTooLong],
        failure=CheckFailure,
    ),
    "POST /1.0/check.json": Operation(
        id="checkUpload",
        tag=TAG,
        summary="Is this upload a deepfake?",
        takes={FORM: UPLOAD, URLENCODED: CheckForm},
        gives=GIVES,
        fails=[*ERRORS, *BODY],
        failure=CheckFailure,
    ),
}
