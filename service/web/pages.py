"""Render a page of the console: its frame, its texts, its errors, its headers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Plain

from service import __version__
from service.accounts.people import Role, Seat
from service.errors import FacegateError, SessionEnded
from service.web import guard, shown
from service.web.texts import text, text_or

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:;"
    " media-src 'self' blob:; connect-src 'self'; form-action 'self'; object-src 'none';"
    " base-uri 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True)
class Door:
    """The way to a room, in the navigation."""

    endpoint: str
    role: Role
    key: str  # of its text


DOORS: list[Door] = []  # each room adds its own


def door(endpoint: str, role: Role, key: str) -> None:
    """Show a room in the navigation, to who may enter it."""
    DOORS.append(Door(f"console.{endpoint}", role, key))


def install(console: Blueprint) -> None:
    """Give answers their headers."""
    console.after_request(_secure)
    console.after_request(guard.keep_login_token)


def page(template: str, **values: Any) -> str:
    """A whole page."""
    return render_template(f"console/{template}", **_context(), **values)


def done(endpoint: str, message: str, **values: Any) -> Plain:
    """After something was done: back to a page, which says so once."""
    response = redirect(url_for(f"console.{endpoint}", **values), 303)
    response.set_cookie(
        "facegate_said", message, max_age=20, path="/console", httponly=True, samesite="Strict"
    )
    return response


def refusal(error: FacegateError) -> Response:
    """An error as a page, or as the part of one that htmx or a script asked for."""
    partly = "HX-Request" in request.headers
    if isinstance(error, SessionEnded) and not partly and request.method == "GET":
        target = url_for("console.entrance.login", next=request.full_path.rstrip("?"))
        return Response(status=302, headers={"Location": target})
    body = page("error-part.html" if partly else "error.html", error=error)
    response = Response(body, error.status, mimetype="text/html")
    if partly and isinstance(error, SessionEnded):
        response.headers["HX-Redirect"] = url_for("console.entrance.login")
    elif partly:
        response.headers |= {"HX-Retarget": "#notice", "HX-Reswap": "innerHTML"}
    return response


def _context() -> dict[str, Any]:
    seat: Seat | None = g.get("seat")
    doors = [one for one in DOORS if seat and seat.person.may(one.role)]
    said = request.cookies.get("facegate_said", "")
    return {
        **{"t": text, "t_or": text_or, "seat": seat, "doors": doors, "csrf": guard.csrf},
        **{"exposed": guard.exposed, "version": __version__, "shown": shown},
        "said": text_or(f"said.{said}", "") if said else "",
    }


def _secure(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = POLICY
    # Without it a browser says "null" as the origin of our own forms.
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["Permissions-Policy"] = "camera=(self), microphone=(), geolocation=()"
    if "facegate_said" in request.cookies and response.status_code == 200:
        response.delete_cookie("facegate_said", path="/console")
    return response
