"""The gateway's blueprint, and how its refusals look: `{"detail": ..., "code": ..., ...}`."""

from __future__ import annotations

from flask import Blueprint, Response

from service.api.http.context import request_id
from service.api.http.errors import shaped
from service.api.http.reply import json_reply
from service.errors import FacegateError

blueprint = Blueprint("gateway", __name__)


def _refusal(error: FacegateError) -> Response:
    body = {"detail": error.sentence, "code": error.code, "request_id": request_id()}
    return json_reply(body, error.status)


shaped(blueprint, _refusal)
