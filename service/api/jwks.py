"""`GET /.well-known/jwks.json`: the public keys by which signed answers are checked."""

from __future__ import annotations

from flask import Blueprint, Response

from service.api.http.context import services
from service.api.http.reply import json_reply
from service.errors import SigningUnavailable, StartupError

blueprint = Blueprint("jwks", __name__)
FRESH = 300  # seconds for which a copy may be used


@blueprint.get("/.well-known/jwks.json")
def jwks() -> Response:
    """The public keys that sign answers, old ones included."""
    try:
        keys: dict[str, object] = {"keys": list(services().signing.current().public)}
    except StartupError:
        raise SigningUnavailable from None
    answer = json_reply(keys)
    answer.headers["Cache-Control"] = f"public, max-age={FRESH}"
    return answer
