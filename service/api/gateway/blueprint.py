"""The gateway's blueprint, and how its refusals look: `{"detail": ..., "code": ..., ...}`."""

from __future__ import annotations

from flask import Blueprint, Response

from service import metrics
from service.api.context import request_id
from service.api.errors import unexpected
from service.api.reply import json_reply
from service.errors import FacegateError

blueprint = Blueprint("gateway", __name__)


@blueprint.errorhandler(FacegateError)
def refuse(error: FacegateError) -> Response:
    """Every refusal in the contract's shape."""
    metrics.REJECTIONS.labels(error.code).inc()
    body = {"detail": error.sentence, "code": error.code, "request_id": request_id()}
    response = json_reply(body, error.status)
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    if error.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


@blueprint.errorhandler(Exception)
def fail(error: Exception) -> Response:
    """What nobody foresaw, in the same shape."""
    return refuse(unexpected(error))
