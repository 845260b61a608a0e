"""Our own contract in the OpenAPI document."""

from __future__ import annotations

from service.api.http.body import FORM, JSON
from service.api.http.schemas import Json
from service.api.openapi.failures import BODY, CHALLENGE, JUDGING, LICENCE, MEDIA
from service.api.openapi.operation import (
    ANYBODY,
    BINARY,
    KEYED,
    TEXT,
    USER,
    Operation,
    Operations,
    other,
    parameter,
    reply,
)
from service.api.v1 import requests as r
from service.api.v1 import schemas as s
from service.errors import (
    AddressRefused,
    FetchError,
    ImageError,
    JobNotFound,
    JobsFull,
    QuotaExceeded,
    RequestError,
    ResultNotFound,
    TooManyJobs,
    Unavailable,
    UnsupportedMedia,
    WrongToken,
)

IMAGE = BINARY | {"description": "an image file"}
MEDIUM = BINARY | {"description": "an image, a video or a recording"}
IMAGES: Json = {
    "type": "array",
    "items": IMAGE,
    "description": "the name of each file comes back as its `id`",
}
JOB_FORM: Json = {
    "type": "object",
    "properties": {"media": MEDIUM, "hash_id": TEXT, "callback_url": TEXT},
    "required": ["media"],
}
SECONDS: Json = {"type": "integer"}
LIMIT: Json = {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}


def _form(images: Json, *names: str) -> Json:
    """A multipart form that has its images under one of these names."""
    fields = {"hash_id": TEXT, "explain": {"type": "boolean", "default": False}}
    return {
        "type": "object",
        "properties": dict.fromkeys(names, images) | fields,
        "anyOf": [{"required": [name]} for name in names],
    }


JUDGED: Operations = {
    "POST /v1/analyze": Operation(
        id="analyze",
        tag="Judging",
        summary="Judge one selfie, video or recording",
        keys=[*KEYED, ANYBODY],
        takes={JSON: r.AnalyzeBody, FORM: _form(IMAGE, "image", "selfie_image", "media")},
        gives={200: reply(s.AnalyzeAnswer, s.VideoAnswer, s.RecordingAnswer)},
        fails=[*BODY, *LICENCE, *JUDGING, *MEDIA],
    ),
    "POST /v1/analyze/batch": Operation(
        id="analyzeBatch",
        tag="Judging",
        summary="Judge many selfies, each with its outcome",
        description="At most {max_batch} images a call; one that fails costs no quota.",
        keys=[*KEYED, ANYBODY],
        takes={JSON: r.BatchBody, FORM: _form(IMAGES, "images")},
        gives={200: reply(s.BatchAnswer)},
        fails=[*BODY, *LICENCE, QuotaExceeded],
    ),
}
JOBS: Operations = {
    "POST /v1/jobs": Operation(
        id="submitJob",
        tag="Jobs",
        summary="Take a medium in, to be judged soon",
        keys=[*KEYED, ANYBODY],
        takes={JSON: r.JobBody, FORM: JOB_FORM},
        gives={
            202: reply(
                s.JobAnswer,
                says="taken in",
                headers={
                    "Location": {"schema": TEXT},
                    "Retry-After": {"schema": {"type": "integer"}},
                },
            )
        },
        fails=[
            *(*BODY, *LICENCE, ImageError, FetchError, AddressRefused, UnsupportedMedia),
            *(QuotaExceeded, TooManyJobs, JobsFull, Unavailable, *CHALLENGE),
        ],
    ),
    "GET /v1/jobs/{id}": Operation(
        id="getJob",
        tag="Jobs",
        summary="How far a job is, and what was found",
        keys=KEYED,
        gives={200: reply(s.JobAnswer)},
        fails=[JobNotFound, *LICENCE],
    ),
    "DELETE /v1/jobs/{id}": Operation(
        id="withdrawJob",
        tag="Jobs",
        summary="Forget a job and its medium",
        keys=KEYED,
        gives={200: reply(s.JobWithdrawn)},
        fails=[JobNotFound, *LICENCE],
    ),
    "GET /v1/callback-secret": Operation(
        id="callbackSecret",
        tag="Jobs",
        summary="What this licence's callbacks are signed with",
        keys=KEYED,
        gives={200: reply(s.CallbackSecret)},
        fails=LICENCE,
    ),
}
KEPT: Operations = {
    "GET /v1/results": Operation(
        id="listResults",
        tag="Results",
        summary="One's own kept results, newest first",
        keys=KEYED,
        query=(parameter("limit", schema=LIMIT), parameter("cursor")),
        gives={200: reply(s.ResultPage)},
        fails=[RequestError, *LICENCE],
    ),
    "GET /v1/results/{id}": Operation(
        id="getResult",
        tag="Results",
        summary="One kept result",
        keys=KEYED,
        gives={200: reply(s.ResultAnswer, s.VideoResultAnswer, s.RecordingResultAnswer)},
        fails=[ResultNotFound, *LICENCE],
    ),
}
OPERATIONS: Operations = {
    **JUDGED,
    **JOBS,
    **KEPT,
    "POST /v1/sessions": Operation(
        id="beginSession",
        tag="Evidence",
        summary="A challenge to be sent with one picture",
        keys=[*KEYED, USER],
        gives={201: reply(s.Session)},
        fails=[*LICENCE, WrongToken],
    ),
    "GET /v1/model-card": Operation(
        id="modelCard",
        tag="Models",
        summary="What the models are and how well they do",
        gives={200: other("the cards of the running models")},
        fails=[Unavailable],
    ),
}
