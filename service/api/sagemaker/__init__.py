"""Contract 5: a SageMaker model container (`/ping`, `/invocations`), and the path of its runtime
(`/endpoints/NAME/invocations`), so that boto3 may take this service for SageMaker."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Iterator
from typing import Any

import orjson
from flask import Blueprint, Response, request, stream_with_context

from service.analysis.judgement import Analysis
from service.api.http.body import parsed, read_raw
from service.api.http.context import request_id, services
from service.api.http.errors import ours, shaped
from service.api.http.licensed import (
    check_first,
    credential,
    judge_image,
    judge_medium,
    licensed,
    use_challenge,
)
from service.api.http.reply import json_reply
from service.api.sagemaker.caller import caller
from service.errors import FacegateError, RequestError, WrongMediaType
from service.licensing.grant import Grant
from service.media.datauri import decode_image_text
from service.media.medium import Medium

blueprint = Blueprint("sagemaker", __name__)
LINES = ("application/jsonlines", "application/x-jsonlines", "application/jsonl")
BYTES = (
    *("image/", "video/", "audio/", "application/ogg", "application/x-image"),
    *("application/octet-stream", "binary/octet-stream"),
)
FIELDS = ("image", "inputs", "selfie_image")


@blueprint.get("/ping")
def ping() -> Response:
    """Whether images are judged now, for SageMaker's health check."""
    return Response(status=200 if services().loader.state == "ready" else 503)


@blueprint.post("/invocations")
def invocations() -> Response:
    """Judge one medium, or each image, line by line, of a batch transform."""
    return _lines() if request.mimetype in LINES else _one()


@blueprint.post("/endpoints/<name>/invocations")
def invoke_endpoint(name: str) -> Response:  # noqa: ARG001 (one service, however it is called)
    """The same under the path of SageMaker's runtime, for boto3 with this service's address."""
    return invocations()


def _refusal(error: FacegateError) -> Response:
    """As everywhere, and with the names under which boto3 looks for code and message."""
    body = {"error": error.sentence, "code": error.code, "request_id": request_id()}
    response = json_reply(body | {"message": error.sentence}, error.status)
    response.headers["x-amzn-ErrorType"] = error.code
    return response


shaped(blueprint, _refusal)


def _one() -> Response:
    with licensed(caller()) as grant:
        judged = judge_medium(Medium.of(_media(read_raw(), request.mimetype)), grant)
        response = Response(orjson.dumps(_labels(judged.analysis)), mimetype="application/json")
    response.headers["X-Amzn-SageMaker-Custom-Attributes"] = _models(judged.analysis)
    return response


def _lines() -> Response:
    """Each line has its own outcome, in its place; what fails is given back to the quota."""
    check_first(caller(), "batch")
    lines = _split(read_raw().removeprefix(BOM_UTF8))
    # Before the first byte of the answer, as every refusal.
    grant = services().licensing.authorise(credential(caller()), "batch", len(lines))
    try:
        use_challenge(grant)
    except FacegateError:
        services().licensing.refund(grant)
        raise
    return Response(stream_with_context(_answers(lines, grant)), mimetype=LINES[0])


def _split(data: bytes) -> list[bytes]:
    most = services().settings.max_lines
    if data.count(b"\n") > most:
        raise RequestError(f"One call may carry at most {most} lines.")
    lines = data.removesuffix(b"\n").split(b"\n") if data else []
    if not lines:
        raise RequestError("There is no line to judge.")
    return lines


def _answers(lines: list[bytes], grant: Grant) -> Iterator[bytes]:
    """One line after the other, as they are judged; who goes away pays for what came."""
    unused = len(lines)
    try:
        for line in lines:
            outcome = _outcome(line, grant)
            unused -= not isinstance(outcome, dict)
            yield orjson.dumps(outcome) + b"\n"
    finally:
        if unused:
            services().licensing.refund(grant, unused)


def _outcome(line: bytes, grant: Grant) -> list[dict[str, Any]] | dict[str, str]:
    try:
        image = _media(line, "application/json")
        return _labels(judge_image(image, grant).analysis)
    except Exception as error:
        known = ours(error)
        return {"error": known.sentence, "code": known.code}


def _media(data: bytes, media_type: str) -> bytes:
    if media_type == "application/json":
        return decode_image_text(_text(data), max_bytes=services().settings.max_body_bytes)
    if media_type and not media_type.startswith(BYTES):
        raise WrongMediaType("The content type must be that of a medium, of JSON or JSON lines.")
    return data


def _text(data: bytes) -> str:
    try:
        body = parsed(data)
    except orjson.JSONDecodeError:
        raise RequestError("This is not valid JSON.") from None
    if isinstance(body, str):
        return body
    found = [body[name] for name in FIELDS if name in body] if isinstance(body, dict) else []
    if not found or not isinstance(found[0], str):
        raise RequestError("The field image is missing.")
    return found[0]


def _models(analysis: Analysis) -> str:
    """Which models judged, and what was found besides; boto3 gives it to the caller as
    `CustomAttributes`."""
    names = "+".join(one.name for one in analysis.detectors)
    versions = "+".join(one.version for one in analysis.detectors)
    found = "".join(f";{one.task}={one.score:.3f}" for one in analysis.warnings)
    return f"model_used={names};model_version={versions}{found}"


def _labels(analysis: Analysis) -> list[dict[str, Any]]:
    """Both labels, the higher score first; `fake` leads exactly when the decision is an attack."""
    fake = {"label": "fake", "score": round(analysis.score, 6)}
    real = {"label": "real", "score": round(1 - analysis.score, 6)}
    return [fake, real] if analysis.is_attack else [real, fake]
