"""Who may see a page: sessions in a cookie, roles, and tokens against forged requests."""

from __future__ import annotations

import hmac
import secrets
from contextlib import suppress
from typing import cast
from urllib.parse import urlsplit

from flask import Blueprint, Response, g, request

from service.accounts.people import Role, Seat
from service.api.http.body import form
from service.api.http.context import client_address, services
from service.errors import NotAllowed, SessionEnded, WrongForm
from service.settings import is_loopback

SESSION, LOGIN = "facegate_session", "facegate_login"
FIELD, HEADER = "csrf", "X-CSRF-Token"
HARMLESS = frozenset({"GET", "HEAD", "OPTIONS"})
OPEN = "_open"  # of a view that needs no session


def install(console: Blueprint) -> None:
    """Let nobody in without a session, and nothing be done without a token."""
    console.before_request(_enter)


def room(name: str, role: Role, path: str = "") -> Blueprint:
    """The blueprint of a room for people of this role and above."""
    blueprint = Blueprint(name, f"service.web.rooms.{name}", url_prefix=path or None)
    blueprint.before_request(lambda: demand(role))
    return blueprint


def seat() -> Seat:
    """Who sits before the browser. Raises SessionEnded where nobody has logged in."""
    found = cast(Seat | None, g.get("seat"))
    if found is None:
        raise SessionEnded
    return found


def demand(role: Role) -> None:
    """Raises NotAllowed unless the person has this role or one above it."""
    if not seat().person.may(role):
        raise NotAllowed


def csrf() -> str:
    """The token that the forms of this page carry."""
    found: Seat | None = g.get("seat")
    return found.session.csrf if found else cast(str, g.setdefault("login_csrf", _login_token()))


def sit_down(response: Response, token: str) -> None:
    """Give the browser its session."""
    _cookie(response, SESSION, token)
    response.delete_cookie(LOGIN, path="/console")


def get_up(response: Response) -> None:
    """Take it away again."""
    response.delete_cookie(SESSION, path="/console")


def keep_login_token(response: Response) -> Response:
    """The log-in form has a token of its own, twice: in the form and in a cookie."""
    if "login_csrf" in g:
        _cookie(response, LOGIN, g.login_csrf)
    return response


def encrypted() -> bool:
    """Whether the browser speaks TLS to us, or to a proxy that we trust."""
    forwarded = request.headers.get("X-Forwarded-Proto", "")
    trusted = services().proxies.trusts(request.remote_addr or "")
    return request.is_secure or (trusted and forwarded == "https")


def exposed() -> bool:
    """Whether others could read along."""
    return not encrypted() and not is_loopback(client_address())


def token() -> str:
    """The cookie of the session, or nothing."""
    return request.cookies.get(SESSION, "")


def _enter() -> None:
    _from_here()
    if token():
        with suppress(SessionEnded):
            g.seat = services().people.seat(token())
    if request.method not in HARMLESS:
        _check_token()


def _from_here() -> None:
    """A browser says which page sent a form; one of another site never sends ours."""
    if request.method in HARMLESS:
        return
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != request.host:
        raise WrongForm


def _check_token() -> None:
    found: Seat | None = g.get("seat")
    wanted = found.session.csrf if found else request.cookies.get(LOGIN, "")
    # Of strangers, no body is read.
    given = (request.headers.get(HEADER) or form()[0].get(FIELD, "")) if wanted else ""
    if not wanted or not hmac.compare_digest(given.encode(), wanted.encode()):
        entering = request.endpoint == "console.entrance.enter"
        raise WrongForm if found or entering else SessionEnded


def _login_token() -> str:
    return request.cookies.get(LOGIN) or secrets.token_urlsafe(24)


def _cookie(response: Response, name: str, value: str) -> None:
    response.set_cookie(
        name, value, path="/console", httponly=True, samesite="Strict", secure=encrypted()
    )
