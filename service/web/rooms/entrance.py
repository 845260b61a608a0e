"""Log in, log out, log out everywhere."""

from __future__ import annotations

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response

from service.api.http.context import client_address, services
from service.errors import AccountError
from service.web import acts, guard
from service.web.pages import DOORS, page

blueprint = Blueprint("entrance", __name__)


@blueprint.get("/")
def home() -> Response:
    """The first room that one's role opens."""
    person = guard.seat().person
    return redirect(url_for(next(one.endpoint for one in DOORS if person.may(one.role))))


@blueprint.get("/login")
def login() -> str:
    """The form."""
    return _form(next=_safe(request.args.get("next", "")))


@blueprint.post("/login")
def enter() -> Response | tuple[str, int]:
    """A new session for a name and a password."""
    name, password = request.form.get("username", ""), request.form.get("password", "")
    target = _safe(request.form.get("next", ""))
    try:
        token, seat = services().people.login(name, password, client_address())
    except AccountError as error:
        return _form(next=target, error=error.sentence, name=name), error.status
    acts.note_of(seat.person, "logged in")
    response = redirect(target or url_for("console.entrance.home"), 303)
    guard.sit_down(response, token)  # type: ignore[arg-type]
    return response


@blueprint.post("/logout")
def leave() -> Response:
    """End this session."""
    services().people.logout(guard.token())
    return _outside()


@blueprint.post("/logout-everywhere")
def leave_everywhere() -> Response:
    """End every session of this person."""
    services().people.logout_everywhere(guard.seat().person)
    acts.note("logged out everywhere")
    return _outside()


def _form(**values: str) -> str:
    return page("login.html", no_store=services().store.kind == "null", **values)


def _outside() -> Response:
    response = redirect(url_for("console.entrance.login"), 303)
    guard.get_up(response)  # type: ignore[arg-type]
    return response


def _safe(target: str) -> str:
    """Only a page of the console: a log-in that leads elsewhere is somebody's trap."""
    inside = target.startswith("/console/") and "\\" not in target
    return target if inside and target.isprintable() else ""
