"""`GET /v1/model-card`: what the models are, what they were measured on, how well they did."""

from __future__ import annotations

from flask import Blueprint, Response

from service.api.http.context import services
from service.api.http.reply import json_reply

blueprint = Blueprint("model_card", __name__)


@blueprint.get("/v1/model-card")
def model_card() -> Response:
    """The card of the running models; no licence is needed."""
    return json_reply(services().loader.model_card())
