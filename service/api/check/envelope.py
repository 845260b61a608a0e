"""The frame of every response of contract 2, and the contract's names of our errors."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Sequence

from flask import Response

from service.analysis.decision.rules import centred
from service.analysis.judgement import Analysis, Task, VideoAnalysis
from service.api.http.context import request_id
from service.api.v1.render import thousandths
from service.errors import FacegateError, Reason
from service.store.jobs import StoredJob

MEDIA, CREDENTIALS, API = "media_error", "credentials_error", "api_error"
# Type and number of each code; a number never changes its meaning.
TYPES: dict[str, tuple[str, int]] = {
    "BAD_REQUEST": ("argument_error", 101),
    "WRONG_MEDIA_TYPE": ("request_error", 201),
    "BODY_TOO_LARGE": ("request_error", 202),
    "NOT_FOUND": ("request_error", 203),
    "METHOD_NOT_ALLOWED": ("request_error", 204),
    "ADDRESS_TOO_LONG": ("request_error", 205),
    "INVALID_IMAGE": (MEDIA, 301),
    "IMAGE_TOO_LARGE": (MEDIA, 302),
    "URL_NOT_FETCHED": (MEDIA, 303),
    "URL_REFUSED": (MEDIA, 304),
    "INVALID_MEDIA": (MEDIA, 305),
    "MEDIA_TOO_LARGE": (MEDIA, 306),
    "MEDIA_TOO_LONG": (MEDIA, 307),
    "MEDIA_TOO_COMPLEX": (MEDIA, 308),
    "NO_PICTURES": (MEDIA, 309),
    "NO_SOUND": (MEDIA, 310),
    **{reason.value: (MEDIA, 311 + number) for number, reason in enumerate(Reason)},
    "SEVERAL_TRACKS": (MEDIA, 397),
    "PROVENANCE_REFUSED": (MEDIA, 398),
    "UNSUPPORTED_MEDIA": (MEDIA, 399),
    "LICENCE_UNKNOWN": (CREDENTIALS, 401),
    "LICENCE_EXPIRED": (CREDENTIALS, 402),
    "LICENCE_REVOKED": (CREDENTIALS, 403),
    "FEATURE_NOT_LICENSED": ("plan_error", 501),
    "QUOTA_EXCEEDED": ("usage_limit", 601),
    "TOO_MANY_JOBS": ("usage_limit", 602),
    "NOT_READY": (API, 701),
    "OVERLOADED": (API, 702),
    "STORE_UNAVAILABLE": (API, 703),
    "JOBS_FULL": (API, 704),
    "AUDIT_UNAVAILABLE": (API, 705),
    "SIGNING_UNAVAILABLE": (API, 706),
    "CHALLENGE_UNKNOWN": (CREDENTIALS, 411),
    "CHALLENGE_MISSING": (CREDENTIALS, 412),
    "CHALLENGE_EXPIRED": (CREDENTIALS, 413),
    "CHALLENGE_USED": (CREDENTIALS, 414),
}
UNKNOWN = ("unknown_error", 900)


def success(analysis: Analysis, models: Sequence[Task], uri: str) -> Response:
    """200: of each model that was asked the score of the worst face; 0.5 is its decision line."""
    media = {"id": f"med_{uuid.uuid4().hex[:22]}", "uri": uri}
    body = {
        **_head("success", len(models), request_id()),
        "type": {model: _score(analysis, model) for model in models},
        "media": media,
    }
    frames = {"data": _frames(analysis, media["id"])} if analysis.kind == "video" else {}
    return _answer(body | frames, 200)


def taken_in(job: StoredJob, operations: int, uri: str) -> Response:
    """202: judged later, told to the callback address and by `/v1/jobs/{id}`."""
    body = {
        **_head("success", operations, request_id()),
        "media": {"id": f"med_{job.id.removeprefix('job_')[:22]}", "uri": uri},
        "callback": job.callback_url,
        "job": job.id,
    }
    return _answer(body, 202)


def _frames(video: VideoAnalysis, media: str) -> dict[str, object]:
    """The worst face of each frame that shows one; `position` in milliseconds."""
    shown = [(one.time, max(f.probability for f in one.faces)) for one in video.frames if one.faces]
    scores = [(time, centred(probability, video.threshold)) for time, probability in shown]
    return {
        "frames": [
            {
                "info": {"id": f"{media}_{number}", "position": round(time * 1000)},
                "type": {"deepfake": thousandths(score, score >= 0.5)},
            }
            for number, (time, score) in enumerate(scores)
        ]
    }


def _score(analysis: Analysis, model: Task) -> float | None:
    """None where no detector of it answered; deepfakes are what decides where nothing else does."""
    found = analysis.finding(model)
    if found is not None:
        return thousandths(found.score, found.decision == "attack")
    return thousandths(analysis.score, analysis.is_attack) if model == "deepfake" else None


def failure(error: FacegateError) -> Response:
    """A refusal; it costs no operation."""
    return _answer(failed(error, request_id()), error.status)


def failed(error: FacegateError, identity: str) -> dict[str, object]:
    """The body of a refusal of the request with this id."""
    return {**_head("failure", 0, identity), "error": told(error)}


def told(error: FacegateError) -> dict[str, object]:
    """The contract's form of one of our errors."""
    kind, number = TYPES.get(error.code, UNKNOWN)
    return {"type": kind, "code": number, "message": error.sentence}


def _head(status: str, operations: int, identity: str) -> dict[str, object]:
    request = {
        "id": f"req_{identity}",
        "timestamp": round(time.time(), 4),
        "operations": operations,
    }
    return {"status": status, "request": request}


def _answer(body: dict[str, object], status: int) -> Response:
    # json's own separators are those of the published examples, blanks included.
    return Response(json.dumps(body), status, mimetype="application/json")
