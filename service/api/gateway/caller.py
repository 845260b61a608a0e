"""Find the licence that a gateway call counts on, and the user who made it."""

from __future__ import annotations

from flask import g, request

from service.api.http.context import services
from service.api.http.licensed import bearer_token
from service.errors import AccountError, LicenceError, WrongToken
from service.store.accounts import User


def hash_id() -> str:
    """The hash_id of this call: its own, or the gateway's. Raises LicenceError."""
    found = request.headers.get("X-Hash-Id") or services().gateway_licence
    if not found:
        raise LicenceError("No hash_id was given: send it as X-Hash-Id.")
    return found


def check_first() -> None:
    """A hash_id of this call's own is looked at before the body is. Raises as `authorise` does."""
    if given := request.headers.get("X-Hash-Id"):
        services().licensing.check(given)


def user() -> User | None:
    """Who called, if anybody said so. Raises WrongToken or StoreUnavailable."""
    if "Authorization" not in request.headers:
        return None
    token = bearer_token()
    if not token:
        raise WrongToken
    found = services().accounts.user(token)
    g.account = found.name
    return found


def known_user() -> User:
    """Who called. Raises AccountError when nobody said so, and as `user` does."""
    found = user()
    if found is None:
        raise AccountError
    return found
