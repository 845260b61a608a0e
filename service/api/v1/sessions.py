"""`POST /v1/sessions`: a challenge that must come back with the picture, soon and once."""

from __future__ import annotations

from flask import Blueprint, Response

from service.api.http.context import request_id, services
from service.api.http.licensed import session_holder
from service.api.http.reply import json_reply
from service.api.http.signed import note_challenge
from service.api.v1.render import iso
from service.api.v1.schemas import Session

blueprint = Blueprint("sessions", __name__)


@blueprint.post("/v1/sessions")
def begin() -> Response:
    """Begin a session: a challenge for one request of this hash_id or user."""
    challenge, ends = services().challenges.issue(session_holder())
    note_challenge(challenge)
    body = Session(request_id=request_id(), challenge=challenge, expires_at=iso(ends))
    return json_reply(body, 201)
