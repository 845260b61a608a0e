"""On whose licence a gateway call counts, and which user made it."""

from __future__ import annotations

from flask import request

from service.api.http.context import services
from service.errors import AccountError, LicenceError, StartupError, WrongToken
from service.settings import Settings
from service.store.accounts import User


def gateway_licence(settings: Settings) -> str | None:
    """The hash_id that the settings give. Raises StartupError when its file cannot be read."""
    if settings.gateway_licence is not None:
        return settings.gateway_licence.get_secret_value()
    if settings.gateway_licence_file is None:
        return None
    try:
        return settings.gateway_licence_file.read_text().strip()
    except (OSError, UnicodeDecodeError):
        raise StartupError(
            f"The gateway's licence file {settings.gateway_licence_file} cannot be read.",
            "Correct FACEGATE_GATEWAY_LICENCE_FILE, or give this user the right to read the file.",
        ) from None


def hash_id() -> str:
    """The hash_id of this call: its own, or the gateway's. Raises LicenceError."""
    found = request.headers.get("X-Hash-Id") or services().gateway_licence
    if not found:
        raise LicenceError("No hash_id was given: send it as X-Hash-Id.")
    return found


def user() -> User | None:
    """Who called, if anybody said so. Raises WrongToken or StoreUnavailable."""
    if "Authorization" not in request.headers:
        return None
    bearer = request.authorization
    if bearer is None or bearer.type != "bearer" or not bearer.token:
        raise WrongToken
    return services().accounts.user(bearer.token)


def known_user() -> User:
    """Who called. Raises AccountError when nobody said so, and as `user` does."""
    found = user()
    if found is None:
        raise AccountError
    return found
