"""Give every request an id, one log line and its metrics."""

from __future__ import annotations

import re
import time
import uuid

import structlog
from flask import Flask, Response, g, request

from service.runtime import metrics
from service.runtime.origin import came_by

log = structlog.get_logger()
SAFE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def install(app: Flask) -> None:
    """Register the hooks on an app."""
    app.before_request(_begin)
    app.after_request(_end)


def _begin() -> None:
    given = request.headers.get("X-Request-ID", "")
    # A caller's id ends up in logs: only a harmless one is taken over.
    g.request_id = given if SAFE_ID.fullmatch(given) else uuid.uuid4().hex
    g.started = time.perf_counter()
    came_by(request.url_rule.rule if request.url_rule else "unknown")


def _end(response: Response) -> Response:
    response.headers["X-Request-ID"] = g.request_id
    seconds = time.perf_counter() - g.started
    # The rule, not the path: a path from outside would make a label each.
    route = request.url_rule.rule if request.url_rule else "unknown"
    metrics.REQUESTS.labels(route, str(response.status_code)).inc()
    metrics.REQUEST_SECONDS.labels(route).observe(seconds)
    log.info(
        "request",
        request_id=g.request_id,
        method=request.method,
        route=route,
        status=response.status_code,
        milliseconds=round(seconds * 1000, 1),
    )
    return response
