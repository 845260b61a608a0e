"""`POST /v1/analyze`: one selfie, with everything that was found."""

from __future__ import annotations

from flask import Blueprint, Response

from service.api.http.context import services
from service.api.http.licensed import judge_image, licensed
from service.api.http.reply import json_reply
from service.api.v1.calls import Item, analyze_call
from service.api.v1.render import analyzed
from service.media.datauri import decode_image_text
from service.store.base import Feature

blueprint = Blueprint("analyze", __name__)


@blueprint.post("/v1/analyze")
def analyze() -> Response:
    """Judge one selfie."""
    call = analyze_call()
    with licensed(call.hash_id, *wanted(call.explain)) as grant:
        data = image_bytes(call.items[0])
        judged = judge_image(data, grant, explain=call.explain)
        return json_reply(analyzed(judged))


def wanted(explain: bool) -> tuple[Feature, ...]:
    """The features that an option needs."""
    return ("explain",) if explain else ()


def image_bytes(item: Item) -> bytes:
    """Encoded image bytes. Raises ImageError or BodyTooLarge."""
    if isinstance(item.image, bytes):
        return item.image
    return decode_image_text(item.image, max_bytes=services().settings.max_body_bytes)
