"""`/register`, `/token` and `/users/me`."""

from __future__ import annotations

from flask import Response, request

from service.api.gateway import caller
from service.api.gateway.blueprint import blueprint
from service.api.gateway.schemas import Credentials, Me, Token
from service.api.http.body import checked, read_form
from service.api.http.context import services
from service.api.http.reply import json_reply
from service.api.v1.render import iso


@blueprint.post("/register")
def register() -> Response:
    """A new user and a token of theirs; needs a licence, but costs none of its quota."""
    given = _credentials()
    services().licensing.authorise(caller.hash_id(), "detect", 0)
    token = services().accounts.register(given.username, given.password, _address())
    return json_reply(Token(access_token=token))


@blueprint.post("/token")
def token() -> Response:
    """A token for a name and its password."""
    given = _credentials()
    found = services().accounts.login(given.username, given.password, _address())
    return json_reply(Token(access_token=found))


@blueprint.get("/users/me")
def me() -> Response:
    """The user of the token."""
    user = caller.known_user()
    return json_reply(Me(username=user.name, created_at=iso(user.created_at)))


def _credentials() -> Credentials:
    form, _ = read_form()
    return checked(Credentials, form.to_dict(), strict=False)


def _address() -> str:
    return request.remote_addr or ""
