"""`GET /capture`: a page that takes a picture with the camera and sends it with its challenge.

An example for pages of one's own; it holds no secret, and works with a hash_id alone.
"""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, Response, send_from_directory

from service.errors import RouteNotFound

blueprint = Blueprint("capture", __name__)
FOLDER = Path(__file__).parent
PARTS = ("capture.css", "capture.js")


@blueprint.get("/capture")
def page() -> Response:
    """A page that takes a picture with the camera and has it judged."""
    return send_from_directory(FOLDER, "capture.html")


@blueprint.get("/capture/<name>")
def part(name: str) -> Response:
    """What the page loads."""
    if name not in PARTS:
        raise RouteNotFound
    return send_from_directory(FOLDER, name)
