"""Contract 1: the Facia on-premises check, `POST /liveness` and `GET /status_check`."""

from __future__ import annotations

import json

from flask import Blueprint, Response

from service.analysis.judgement import Analysis, Decision
from service.api.http.body import read_json, text_field
from service.api.http.context import services
from service.api.http.errors import shaped
from service.api.http.licensed import judge_image, licensed
from service.api.v1.render import thousandths
from service.errors import CORRUPT_SELFIE, FacegateError, ImageError
from service.media.datauri import decode_image_text
from service.media.formats import format_of

blueprint = Blueprint("liveness", __name__)

LIVE = "Service is Live."
NOT_LIVE = (
    "Service is Not Live. Please wait for 5 to 10 minutes"
    " if it still does not work then restart this build."
)
MESSAGES: dict[Decision, str] = {
    "bona_fide": "Provided image is not deepfake!",
    "deepfake": "Provided image is deepfake!",
    "presentation_attack": "Provided image is a presentation attack!",
}
PRESENTED = "PRESENTATION_ATTACK"


@blueprint.get("/status_check")
def status_check() -> Response:
    """Whether images are judged now."""
    live = services().loader.state == "ready"
    return Response(LIVE if live else NOT_LIVE, 200 if live else 503, mimetype="text/plain")


@blueprint.post("/liveness")
def liveness() -> Response:
    """Judge one selfie."""
    body = read_json()
    image = text_field(body, "selfie_image")
    with licensed(text_field(body, "hash_id")) as grant:
        here = services()
        data = decode_image_text(image, max_bytes=here.settings.max_body_bytes)
        if format_of(data) not in here.settings.formats:
            raise ImageError
        return _answer(200, _success(judge_image(data, grant).analysis))


def _refusal(error: FacegateError) -> Response:
    """The contract knows one failure, a corrupt image; the others add a `code` to its shape."""
    if type(error) is ImageError:
        return _answer(error.status, {"error": CORRUPT_SELFIE})
    return _answer(error.status, {"error": error.sentence, "code": error.code})


shaped(blueprint, _refusal)


def _success(analysis: Analysis) -> dict[str, object]:
    """The contract knows deepfakes; a presentation attack that decides adds a `code`."""
    result: dict[str, object] = {
        "deepfake_score": thousandths(analysis.score, analysis.is_attack),
        "is_deepfake": int(analysis.is_attack),
        "message": MESSAGES[analysis.decision],
    }
    presented = analysis.decision == "presentation_attack"
    return {
        "deepfake_result": result | ({"code": PRESENTED} if presented else {}),
        "status": "Success",
    }


def _answer(status: int, body: dict[str, object] | dict[str, str]) -> Response:
    # json's own separators are those of the published examples, blanks included.
    return Response(json.dumps(body), status, mimetype="application/json")
