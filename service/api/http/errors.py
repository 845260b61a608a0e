"""Render errors as `{"error": sentence, "code": ..., "request_id": ...}`, never more.

A contract with a shape of its own says so by `shaped`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial

import structlog
from flask import Blueprint, Flask, Response, current_app, request
from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import MethodNotAllowed as WrongMethod
from werkzeug.routing.exceptions import RoutingException

from service.api.http.context import request_id
from service.api.http.reply import json_reply
from service.errors import (
    BodyTooLarge,
    FacegateError,
    MethodNotAllowed,
    RangeBeyondEnd,
    RequestError,
    RouteNotFound,
    WrongMediaType,
)
from service.runtime import metrics

log = structlog.get_logger()
Shape = Callable[[FacegateError], Response]
SHAPES: dict[str, Shape] = {}  # by a blueprint's name
BELOW: dict[str, Shape] = {}  # by the beginning of a path
BY_STATUS: dict[int | None, type[FacegateError]] = {
    404: RouteNotFound,
    405: MethodNotAllowed,
    413: BodyTooLarge,
    415: WrongMediaType,
    416: RangeBeyondEnd,
}


def install(app: Flask) -> None:
    """Register the handler on an app."""
    app.register_error_handler(Exception, lambda error: _refusal(_shape_of_path(), error))


def shaped(blueprint: Blueprint, shape: Shape, below: str | None = None) -> None:
    """All refusals of a blueprint in its own shape; a wrong method is one, and so is a path that
    is not there `below` one that is this contract's alone."""
    blueprint.register_error_handler(Exception, partial(_refusal, shape))
    SHAPES[blueprint.name] = shape
    if below is not None:
        BELOW[below] = shape


def ours(error: Exception) -> FacegateError:
    """Whatever was raised as one of our own errors, and counted.

    What nobody foresaw is logged, traceback included; a caller only learns that it happened.
    """
    found = _known(error)
    metrics.REJECTIONS.labels(found.code).inc()
    return found


def plain(error: FacegateError) -> Response:
    """The shape of what is no published contract."""
    body = {"error": error.sentence, "code": error.code, "request_id": request_id()}
    return json_reply(body, error.status)


def refused(error: FacegateError) -> Response:
    """In the shape of the contract of this request, where nothing can be raised any more."""
    return _refusal(_shape_of_path(), error)


def _known(error: Exception) -> FacegateError:
    if isinstance(error, FacegateError):
        return error
    if isinstance(error, HTTPException):
        other = RequestError if (error.code or 500) < 500 else FacegateError
        return BY_STATUS.get(error.code, other)()
    log.error("unhandled", request_id=request_id(), exc_info=error)
    return FacegateError()


def _refusal(shape: Shape, error: Exception) -> Response:
    known = ours(error)
    response = shape(known)
    if known.retry_after is not None:
        response.headers["Retry-After"] = str(known.retry_after)
    if known.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, WrongMethod) and error.valid_methods:
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return response


def _shape_of_path() -> Shape:
    """Flask knows no blueprint of a request whose path or method has no route."""
    for start, shape in BELOW.items():
        if request.path.startswith(start):
            return shape
    return SHAPES.get(_endpoint().partition(".")[0], plain)


def _endpoint() -> str:
    """The route of this path, whatever the method; empty where there is none but one like it."""
    adapter = current_app.create_url_adapter(request)
    methods = list(adapter.allowed_methods()) if adapter else []
    with suppress(RoutingException):
        return str(adapter.match(method=methods[0])[0]) if adapter and methods else ""
    return ""
