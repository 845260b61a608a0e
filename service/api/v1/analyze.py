"""`POST /v1/analyze`: one selfie, video or recording, with everything that was found."""

from __future__ import annotations

from flask import Blueprint, Response

from service.api.http.context import services
from service.api.http.licensed import judge_medium, licensed
from service.api.http.reply import json_reply
from service.api.v1.calls import Item, analyze_call
from service.api.v1.capture import signs
from service.api.v1.render import answered
from service.api.v1.schemas import AnalyzeAnswer
from service.media.datauri import decode_image_text
from service.media.medium import Medium
from service.store.base import Feature

blueprint = Blueprint("analyze", __name__)


@blueprint.post("/v1/analyze")
def analyze() -> Response:
    """Judge one medium."""
    call = analyze_call()
    with licensed(call.hash_id, *wanted(call.explain)) as grant:
        judged = judge_medium(medium_of(call.items[0]), grant, explain=call.explain)
        answer = answered(judged)
        if call.capture is not None and isinstance(answer, AnalyzeAnswer):
            answer.capture = signs(call.capture)
        return json_reply(answer)


def wanted(explain: bool) -> tuple[Feature, ...]:
    """The features that an option needs."""
    return ("explain",) if explain else ()


def medium_of(item: Item) -> Medium:
    """The medium, of the kind that its content says. Raises ImageError or BodyTooLarge."""
    return item.image if isinstance(item.image, Medium) else Medium.of(image_bytes(item))


def image_bytes(item: Item) -> bytes:
    """Encoded image bytes. Raises ImageError or BodyTooLarge."""
    if isinstance(item.image, Medium):
        return item.image.read()
    return decode_image_text(item.image, max_bytes=services().settings.max_body_bytes)
