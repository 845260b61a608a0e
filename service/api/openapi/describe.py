"""The parts of an OpenAPI document: bodies, answers, and failures out of the error classes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel

from service.api.v1.schemas import ErrorAnswer
from service.errors import (
    CORRUPT_SELFIE,
    SENTENCES,
    AuditUnavailable,
    BodyTooLarge,
    CannotJudge,
    ChallengeError,
    ChallengeExpired,
    ChallengeMissing,
    ChallengeUsed,
    FacegateError,
    FeatureNotLicensed,
    ImageError,
    ImageTooLarge,
    LicenceError,
    LicenceExpired,
    LicenceRevoked,
    MediaError,
    MediaTooComplex,
    MediaTooLarge,
    MediaTooLong,
    NoPictures,
    NoSound,
    Overloaded,
    ProvenanceRefused,
    QuotaExceeded,
    RequestError,
    SigningUnavailable,
    StoreUnavailable,
    TooManyAttempts,
    Unavailable,
    UnsupportedMedia,
    WrongMediaType,
)

Json = dict[str, Any]
ErrorClass = type[FacegateError]
# What may come of reading a body, of a licence, and of judging an image.
BODY: list[ErrorClass] = [RequestError, BodyTooLarge, WrongMediaType]
LICENCE: list[ErrorClass] = [
    *(LicenceError, LicenceExpired, LicenceRevoked, FeatureNotLicensed),
    StoreUnavailable,
]
CHALLENGE: list[ErrorClass] = [
    *(ChallengeError, ChallengeMissing, ChallengeExpired, ChallengeUsed),
]
JUDGING: list[ErrorClass] = [
    *(ImageError, ImageTooLarge, CannotJudge, ProvenanceRefused),
    *(QuotaExceeded, Unavailable, Overloaded, AuditUnavailable, SigningUnavailable),
    *CHALLENGE,
]
# What may come of a video or recording besides.
MEDIA: list[ErrorClass] = [
    *(MediaError, NoPictures, NoSound, MediaTooLarge, MediaTooLong, MediaTooComplex),
    UnsupportedMedia,
]
TEXT: Json = {"type": "string"}


class Shown(BaseModel):
    """A contract's own shape of a failure."""

    @staticmethod
    def shown(code: str, sentence: str) -> Json:
        """An example of it for one of our errors."""
        raise NotImplementedError


REQUEST_ID = "6f1c0e1b9d5c4f7e8a2b3c4d5e6f7a8b"


def about(operation: str, tag: str, summary: str) -> Json:
    return {"operationId": operation, "tags": [tag], "summary": summary}


def ref(model: type[BaseModel]) -> Json:
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def body(content: Json) -> Json:
    return {"required": True, "content": content}


def form(images: Json, names: tuple[str, ...]) -> Json:
    """A multipart form that has its images under one of these names."""
    fields = {"hash_id": {"type": "string"}, "explain": {"type": "boolean", "default": False}}
    return {
        "type": "object",
        "properties": dict.fromkeys(names, images) | fields,
        "anyOf": [{"required": [name]} for name in names],
    }


def parameter(name: str, where: str, schema: Json) -> Json:
    return {"name": name, "in": where, "required": where == "path", "schema": schema}


def json_answer(description: str, schema: Json, example: Json | None = None) -> Json:
    media: Json = {"schema": schema}
    if example is not None:
        media["example"] = example
    return {"description": description, "content": {"application/json": media}}


def any_of(*models: type[BaseModel]) -> Json:
    """A schema of one of these."""
    return {"anyOf": [ref(model) for model in models]}


def answers(
    model: type[BaseModel],
    errors: Iterable[ErrorClass],
    example: Json | None = None,
    failure: type[BaseModel] = ErrorAnswer,
    *also: type[BaseModel],
) -> Json:
    """200 with its model (or one of `also`), and every error.

    One that nobody foresaw may come from any route.
    """
    schema = any_of(model, *also) if also else ref(model)
    good = json_answer((model.__doc__ or "").strip(), schema, example)
    return {"200": good, **failures([*errors, FacegateError], failure)}


def accepted(model: type[BaseModel], errors: Iterable[ErrorClass]) -> Json:
    """202 with its model, where to ask and when; and every error."""
    good = json_answer("taken in", ref(model))
    text, seconds = {"type": "string"}, {"type": "integer"}
    good["headers"] = {"Location": {"schema": text}, "Retry-After": {"schema": seconds}}
    return {"202": good, **failures([*errors, FacegateError])}


def failures(errors: Iterable[ErrorClass], model: type[BaseModel] = ErrorAnswer) -> Json:
    by_status: dict[int, list[ErrorClass]] = defaultdict(list)
    for error in errors:
        by_status[error.status].append(error)
    return {str(status): failure(by_status[status], model) for status in sorted(by_status)}


def failure(errors: list[ErrorClass], model: type[BaseModel] = ErrorAnswer) -> Json:
    examples = dict(pair for error in errors for pair in _examples(error, model))
    answer: Json = {
        "description": f"{HTTPStatus(errors[0].status).phrase}: {', '.join(examples)}",
        "content": {"application/json": {"schema": ref(model), "examples": examples}},
    }
    if any(error.retry_after or error in (QuotaExceeded, TooManyAttempts) for error in errors):
        seconds = {"description": "seconds", "schema": {"type": "integer"}}
        answer["headers"] = {"Retry-After": seconds}
    return answer


def _examples(error: ErrorClass, model: type[BaseModel]) -> list[tuple[str, Json]]:
    """One for each code; `CannotJudge` has one code a reason."""
    pairs = (
        [(reason.value, sentence) for reason, sentence in SENTENCES.items()]
        if error is CannotJudge
        else [(error.code, error.sentence)]
    )
    return [(code, {"value": _shown(code, sentence, model)}) for code, sentence in pairs]


def _shown(code: str, sentence: str, model: type[BaseModel]) -> Json:
    if model is ErrorAnswer:
        return {"error": sentence, "code": code, "request_id": REQUEST_ID}
    if issubclass(model, Shown):
        return model.shown(code, sentence)
    # The published contract's one failure has no code.
    if code == ImageError.code:
        return {"error": CORRUPT_SELFIE}
    return {"error": sentence, "code": code}
