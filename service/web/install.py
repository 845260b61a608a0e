"""Put the console on an app."""

from __future__ import annotations

from flask import Blueprint, Flask

from service.api.http.errors import shaped
from service.web import assets, guard, pages
from service.web.rooms import (
    entrance,
    images,
    judge,
    licences,
    operations,
    people,
    point,
    results,
    review,
)

# In the order of the navigation.
ROOMS = (judge, results, review, images, operations, point, licences, people)


def install(app: Flask) -> None:
    """Register every room below /console."""
    console = Blueprint(
        "console", __name__, url_prefix="/console", template_folder="templates", static_folder=None
    )
    guard.install(console)
    pages.install(console)
    shaped(console, pages.refusal, below="/console")
    for module in (assets, entrance, *ROOMS):
        console.register_blueprint(module.blueprint)
    order = [module.blueprint.name for module in ROOMS]
    pages.DOORS.sort(key=lambda one: order.index(one.endpoint.split(".")[1]))
    app.register_blueprint(console)
