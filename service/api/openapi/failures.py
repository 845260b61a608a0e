"""The failures of a route in the OpenAPI document, out of the error classes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from http import HTTPStatus

from service.api.http.schemas import Failure, Json
from service.errors import (
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
    SeveralTracks,
    SigningUnavailable,
    StoreUnavailable,
    TooManyAttempts,
    Unavailable,
    UnsupportedMedia,
    WrongMediaType,
)

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
    *(MediaError, NoPictures, NoSound, SeveralTracks),
    *(MediaTooLarge, MediaTooLong, MediaTooComplex, UnsupportedMedia),
]


def failures(errors: Iterable[ErrorClass], model: type[Failure]) -> Json:
    """The answers by status, in the shape of this contract."""
    by_status: dict[int, list[ErrorClass]] = defaultdict(list)
    for error in errors:
        by_status[error.status].append(error)
    return {str(status): _failure(by_status[status], model) for status in sorted(by_status)}


def _failure(errors: list[ErrorClass], model: type[Failure]) -> Json:
    examples = dict(pair for error in errors for pair in _examples(error, model))
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    answer: Json = {
        "description": f"{HTTPStatus(errors[0].status).phrase}: {', '.join(examples)}",
        "content": {"application/json": {"schema": schema, "examples": examples}},
    }
    if any(error.retry_after or error in (QuotaExceeded, TooManyAttempts) for error in errors):
        seconds = {"description": "seconds", "schema": {"type": "integer"}}
        answer["headers"] = {"Retry-After": seconds}
    return answer


def _examples(error: ErrorClass, model: type[Failure]) -> list[tuple[str, Json]]:
    """One for each code; `CannotJudge` has one code a reason."""
    pairs = (
        [(reason.value, sentence) for reason, sentence in SENTENCES.items()]
        if error is CannotJudge
        else [(error.code, error.sentence)]
    )
    return [(code, {"value": model.shown(code, sentence)}) for code, sentence in pairs]
