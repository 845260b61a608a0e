"""What each route takes and answers, for the OpenAPI document; a test holds it to the routes."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from service.api.check import operations as check
from service.api.check.schemas import CheckAnswer, CheckFailure, CheckForm, CheckTakenIn
from service.api.gateway import operations as gateway
from service.api.openapi.describe import (
    BODY,
    CHALLENGE,
    JUDGING,
    LICENCE,
    MEDIA,
    Json,
    about,
    accepted,
    answers,
    body,
    failure,
    failures,
    form,
    json_answer,
    parameter,
    ref,
)
from service.api.sagemaker import operations as sagemaker
from service.api.v1 import schemas as s
from service.errors import (
    AddressRefused,
    FacegateError,
    FetchError,
    ImageError,
    JobNotFound,
    JobsFull,
    QuotaExceeded,
    RequestError,
    ResultNotFound,
    SigningUnavailable,
    TooManyJobs,
    Unavailable,
    UnsupportedMedia,
    WrongToken,
)

REQUESTS: list[type[BaseModel]] = [
    s.LivenessBody,
    s.AnalyzeBody,
    s.BatchBody,
    s.JobBody,
    CheckForm,
    *gateway.REQUESTS,
]
ANSWERS: list[type[BaseModel]] = [
    *(s.LivenessAnswer, s.LivenessError, s.AnalyzeAnswer, s.BatchAnswer, s.ResultAnswer),
    *(s.VideoAnswer, s.RecordingAnswer, s.VideoResultAnswer, s.RecordingResultAnswer),
    *(s.JobAnswer, s.JobWithdrawn, s.CallbackSecret, s.Session),
    *(s.ResultPage, s.Health, s.Readiness, s.ErrorAnswer, CheckAnswer, CheckTakenIn, CheckFailure),
    *gateway.ANSWERS,
]
SCHEMAS: list[tuple[type[BaseModel], Literal["validation", "serialization"]]] = [
    *((model, "validation") for model in REQUESTS),
    *((model, "serialization") for model in ANSWERS),
]

KEYED: list[Json] = [{"bearer": []}, {"header": []}]
UPLOAD: Json = {"type": "string", "format": "binary", "description": "an image file"}
MEDIA_NAMES = ("image", "selfie_image", "media")
UPLOADS: Json = {
    "type": "array",
    "items": UPLOAD,
    "description": "the name of each file comes back as its `id`",
}
TEXT: Json = {"text/plain": {"schema": {"type": "string"}}}


def paths(max_batch: int) -> Json:
    """The `paths` of the document."""
    return (
        _contract_1()
        | check.paths()
        | gateway.paths()
        | sagemaker.paths()
        | _judging(max_batch)
        | _jobs()
        | _kept()
        | _probes()
        | _itself()
    )


def _contract_1() -> Json:
    shown = {
        "deepfake_score": 0.233,
        "is_deepfake": 0,
        "message": "Provided image is not deepfake!",
    }
    example = {"deepfake_result": shown, "status": "Success"}
    return {
        "/liveness": {
            "post": {
                **about("liveness", "Facia", "Is this selfie a deepfake? (Facia's contract)"),
                "requestBody": body({"application/json": {"schema": ref(s.LivenessBody)}}),
                "responses": answers(
                    s.LivenessAnswer, [*BODY, *LICENCE, *JUDGING], example, s.LivenessError
                ),
            }
        },
        "/status_check": {
            "get": {
                **about("statusCheck", "Facia", "Is the service live? (Facia's contract)"),
                "responses": {
                    "200": {"description": "Service is Live.", "content": TEXT},
                    "503": {"description": "Service is Not Live.", "content": TEXT},
                    "500": failure([FacegateError]),
                },
            }
        },
    }


def _judging(max_batch: int) -> Json:
    return {
        "/v1/analyze": {
            "post": {
                **about("analyze", "Judging", "Judge one selfie, video or recording"),
                "security": [*KEYED, {}],
                "requestBody": body(
                    {
                        "application/json": {"schema": ref(s.AnalyzeBody)},
                        "multipart/form-data": {"schema": form(UPLOAD, MEDIA_NAMES)},
                    }
                ),
                "responses": answers(
                    s.AnalyzeAnswer,
                    [*BODY, *LICENCE, *JUDGING, *MEDIA],
                    None,
                    s.ErrorAnswer,
                    *(s.VideoAnswer, s.RecordingAnswer),
                ),
            }
        },
        "/v1/analyze/batch": {
            "post": {
                **about("analyzeBatch", "Judging", "Judge many selfies, each with its outcome"),
                "description": f"At most {max_batch} images a call; one that fails costs no quota.",
                "security": [*KEYED, {}],
                "requestBody": body(
                    {
                        "application/json": {"schema": ref(s.BatchBody)},
                        "multipart/form-data": {"schema": form(UPLOADS, ("images",))},
                    }
                ),
                "responses": answers(s.BatchAnswer, [*BODY, *LICENCE, QuotaExceeded]),
            }
        },
    }


def _jobs() -> Json:
    medium: Json = {
        "type": "string",
        "format": "binary",
        "description": "an image, a video or a recording",
    }
    fields = {"media": medium, "hash_id": {"type": "string"}, "callback_url": {"type": "string"}}
    upload = {"type": "object", "properties": fields, "required": ["media"]}
    refused: list[type[FacegateError]] = [
        *(ImageError, FetchError, AddressRefused, UnsupportedMedia),
        *(QuotaExceeded, TooManyJobs, JobsFull, Unavailable),
        *CHALLENGE,
    ]
    session = answers(s.Session, [*LICENCE, WrongToken])
    session["201"] = session.pop("200")
    one: Json = {"parameters": [parameter("id", "path", {"type": "string"})], "security": KEYED}
    return {
        "/v1/jobs": {
            "post": {
                **about("submitJob", "Jobs", "Take a medium in, to be judged soon"),
                "security": [*KEYED, {}],
                "requestBody": body(
                    {
                        "application/json": {"schema": ref(s.JobBody)},
                        "multipart/form-data": {"schema": upload},
                    }
                ),
                "responses": accepted(s.JobAnswer, [*BODY, *LICENCE, *refused]),
            }
        },
        "/v1/jobs/{id}": {
            "get": {
                **about("getJob", "Jobs", "How far a job is, and what was found"),
                **one,
                "responses": answers(s.JobAnswer, [JobNotFound, *LICENCE]),
            },
            "delete": {
                **about("withdrawJob", "Jobs", "Forget a job and its medium"),
                **one,
                "responses": answers(s.JobWithdrawn, [JobNotFound, *LICENCE]),
            },
        },
        "/v1/sessions": {
            "post": {
                **about("beginSession", "Evidence", "A challenge to be sent with one picture"),
                "security": [*KEYED, {"user": []}],
                "responses": session,
            }
        },
        "/v1/callback-secret": {
            "get": {
                **about("callbackSecret", "Jobs", "What this licence's callbacks are signed with"),
                "security": KEYED,
                "responses": answers(s.CallbackSecret, LICENCE),
            }
        },
    }


def _kept() -> Json:
    limit = {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}
    return {
        "/v1/results": {
            "get": {
                **about("listResults", "Results", "One's own kept results, newest first"),
                "security": KEYED,
                "parameters": [
                    parameter("limit", "query", limit),
                    parameter("cursor", "query", {"type": "string"}),
                ],
                "responses": answers(s.ResultPage, [RequestError, *LICENCE]),
            }
        },
        "/v1/results/{id}": {
            "get": {
                **about("getResult", "Results", "One kept result"),
                "security": KEYED,
                "parameters": [parameter("id", "path", {"type": "string"})],
                "responses": answers(
                    s.ResultAnswer,
                    [ResultNotFound, *LICENCE],
                    None,
                    s.ErrorAnswer,
                    *(s.VideoResultAnswer, s.RecordingResultAnswer),
                ),
            }
        },
        "/v1/model-card": {
            "get": {
                **about("modelCard", "Models", "What the models are and how well they do"),
                "responses": {
                    "200": json_answer("the cards of the running models", {"type": "object"}),
                    **failures([Unavailable, FacegateError]),
                },
            }
        },
    }


def _probes() -> Json:
    return {
        "/healthz": {
            "get": {
                **about("healthz", "Operation", "Does the process live?"),
                "responses": answers(s.Health, []),
            }
        },
        "/readyz": {
            "get": {
                **about("readyz", "Operation", "Does this worker judge images?"),
                "responses": {
                    "200": json_answer("ready or degraded", ref(s.Readiness)),
                    "503": json_answer("starting or failed", ref(s.Readiness)),
                    **failures([FacegateError]),
                },
            }
        },
        "/metrics": {
            "get": {
                **about("metrics", "Operation", "Counts of all workers, for Prometheus"),
                "responses": {
                    "200": {"description": "Prometheus' text format", "content": TEXT},
                    **failures([FacegateError]),
                },
            }
        },
    }


def _itself() -> Json:
    return {
        "/.well-known/jwks.json": {
            "get": {
                **about("jwks", "Evidence", "The public keys that sign answers"),
                "responses": {
                    "200": json_answer("JSON Web Key set (RFC 7517)", {"type": "object"}),
                    **failures([SigningUnavailable, FacegateError]),
                },
            }
        },
        "/openapi.json": {
            "get": {
                **about("openapi", "Documentation", "This document"),
                "responses": {
                    "200": json_answer("OpenAPI 3.1", {"type": "object"}),
                    **failures([FacegateError]),
                },
            }
        },
        "/capture": {
            "get": {
                **about("capture", "Evidence", "A page that takes a picture with the camera"),
                "responses": {
                    "200": {
                        "description": "a page whose parts are all local",
                        "content": {"text/html": {"schema": {"type": "string"}}},
                    },
                    **failures([FacegateError]),
                },
            }
        },
        "/docs": {
            "get": {
                **about("docs", "Documentation", "This document as a page"),
                "responses": {
                    "200": {
                        "description": "a page whose parts are all local",
                        "content": {"text/html": {"schema": {"type": "string"}}},
                    },
                    **failures([FacegateError]),
                },
            }
        },
    }
