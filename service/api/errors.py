"""How every error leaves: `{"error": sentence, "code": ..., "request_id": ...}`, never more."""

from __future__ import annotations

import structlog
from flask import Flask, Response
from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import MethodNotAllowed as WrongMethod

from service import metrics
from service.api.context import request_id
from service.api.reply import json_reply
from service.errors import (
    BodyTooLarge,
    FacegateError,
    MethodNotAllowed,
    RequestError,
    RouteNotFound,
    WrongMediaType,
)

log = structlog.get_logger()
BY_STATUS: dict[int | None, type[FacegateError]] = {
    404: RouteNotFound,
    405: MethodNotAllowed,
    413: BodyTooLarge,
    415: WrongMediaType,
}


def install(app: Flask) -> None:
    """Register the handlers on an app."""
    app.register_error_handler(FacegateError, refuse)
    app.register_error_handler(HTTPException, _refuse_http)
    app.register_error_handler(Exception, _fail)


def refuse(error: FacegateError) -> Response:
    """The answer to one of our own errors."""
    metrics.REJECTIONS.labels(error.code).inc()
    body = {"error": error.sentence, "code": error.code, "request_id": request_id()}
    response = json_reply(body, error.status)
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    if error.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def unexpected(error: Exception) -> FacegateError:
    """Log what nobody foresaw, traceback included; a caller only learns that it happened."""
    log.error("unhandled", request_id=request_id(), exc_info=error)
    return FacegateError()


def _refuse_http(error: HTTPException) -> Response:
    ours = BY_STATUS.get(error.code, RequestError if (error.code or 500) < 500 else FacegateError)
    response = refuse(ours())
    if isinstance(error, WrongMethod) and error.valid_methods:
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return response


def _fail(error: Exception) -> Response:
    return refuse(unexpected(error))
