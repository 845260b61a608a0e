"""People: who may use the console. For administrators."""

from __future__ import annotations

from flask import request
from werkzeug.wrappers import Response

from service.accounts.people import ROLES, Role
from service.api.http.context import services
from service.errors import RequestError
from service.web import acts, guard
from service.web.pages import done, door, page

blueprint = guard.room("people", "administrator", "/people")
door("people.listing", "administrator", "nav.people")


@blueprint.get("/")
def listing() -> str:
    """Everybody, and the form for one more."""
    return page("people.html", people=services().people.all(), roles=ROLES)


@blueprint.post("/")
def add() -> Response:
    """One more person."""
    form = request.form
    person = services().people.add(form.get("username", ""), form.get("password", ""), _role())
    acts.note("user added", user=person.name, role=person.role)
    return done("people.listing", "added")


@blueprint.post("/<name>/role")
def change_role(name: str) -> Response:
    """Another role for somebody."""
    person = services().people.set_role(name, _role())
    acts.note("user's role changed", user=person.name, role=person.role)
    return done("people.listing", "changed")


@blueprint.post("/<name>/remove")
def remove(name: str) -> Response:
    """Somebody may not use the console any more."""
    person = services().people.remove(name)
    acts.note("user removed", user=person.name)
    return done("people.listing", "removed")


def _role() -> Role:
    given = request.form.get("role", "")
    if given not in ROLES:
        raise RequestError("The field role is wrong: it is viewer, analyst or administrator.")
    return given
