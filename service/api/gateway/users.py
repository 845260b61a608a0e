"""`/register`, `/token`, `/users/me` and what ends a token."""

from __future__ import annotations

from flask import Response

from service.api.gateway import caller
from service.api.gateway.blueprint import blueprint
from service.api.gateway.schemas import Credentials, Done, Me, NewPassword, Password, Token
from service.api.http.body import M, checked, read_form
from service.api.http.context import client_address, services
from service.api.http.reply import json_reply
from service.api.v1.render import iso


@blueprint.post("/register")
def register() -> Response:
    """A new user and a token of theirs; needs a licence, but costs none of its quota."""
    caller.check_first()
    given = _form(Credentials)
    services().licensing.check(caller.hash_id())
    token = services().accounts.register(given.username, given.password, client_address())
    return json_reply(Token(access_token=token))


@blueprint.post("/token")
def token() -> Response:
    """A token for a name and its password."""
    given = _form(Credentials)
    found = services().accounts.login(given.username, given.password, client_address())
    return json_reply(Token(access_token=found))


@blueprint.get("/users/me")
def me() -> Response:
    """The user of the token."""
    user = caller.known_user()
    return json_reply(Me(username=user.name, created_at=iso(user.created_at)))


@blueprint.delete("/users/me")
def leave() -> Response:
    """Delete the user of the token, with all of their history; asks for the password once more."""
    user, given = caller.known_user(), _form(Password)
    services().accounts.delete(user, given.password, client_address())
    return json_reply(Done())


@blueprint.post("/users/me/password")
def change_password() -> Response:
    """Another password; a new token comes back, and no older one holds."""
    user, given = caller.known_user(), _form(NewPassword)
    token = services().accounts.change_password(
        user, given.password, given.new_password, client_address()
    )
    return json_reply(Token(access_token=token))


@blueprint.post("/token/revoke")
def revoke() -> Response:
    """End every token of the user, the one that asks for it included."""
    services().accounts.revoke_tokens(caller.known_user())
    return json_reply(Done())


def _form(model: type[M]) -> M:
    form, _ = read_form()
    return checked(model, form.to_dict(), strict=False)
