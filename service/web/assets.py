"""Styles and scripts, all out of this package."""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, Response, send_from_directory

blueprint = Blueprint("assets", __name__)
FOLDER = Path(__file__).with_name("static")


@blueprint.get("/static/<path:name>")
def asset(name: str) -> Response:
    """A style or a script."""
    return send_from_directory(FOLDER, name, max_age=86400)
