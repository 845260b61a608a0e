"""From settings to MongoDB's connection string."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pymongo
from pymongo.errors import PyMongoError

from service.errors import StartupError
from service.settings import Settings


def mongo_uri(settings: Settings) -> str:
    """The connection string: as configured, or made of host, user and password.

    A linked container without credentials gets none. Raises StartupError when it is malformed.
    """
    uri = _configured(settings) or _assembled(settings)
    if not uri.startswith("mongodb+srv://"):  # reading one of those asks a name server
        _check(uri)
    return uri


def _configured(settings: Settings) -> str | None:
    return settings.mongodb_uri.get_secret_value() if settings.mongodb_uri else None


def _assembled(settings: Settings) -> str:
    if settings.mongodb_user is None:
        return f"mongodb://{settings.mongodb_host}/"
    user, password = (quote(each, safe="") for each in (settings.mongodb_user, _password(settings)))
    return f"mongodb://{user}:{password}@{settings.mongodb_host}/?authSource=admin"


def _check(uri: str) -> None:
    """As the client itself would find it, which is not connected. Not a word of it is repeated."""
    try:
        pymongo.MongoClient[dict[str, Any]](uri, connect=False).close()
    except OSError as error:
        raise StartupError(
            "A certificate or key file of the MongoDB connection string cannot be used:"
            f" {error.strerror or 'it is not one'}.",
            "Correct tlsCAFile or tlsCertificateKeyFile, or give this user the right to read it.",
        ) from None
    except (PyMongoError, ValueError, TypeError):
        raise StartupError(
            "The MongoDB connection string is malformed.",
            "It reads mongodb://USER:PASSWORD@HOST:PORT/, with user and password percent-encoded"
            " (@ is %40, / is %2F, : is %3A).",
        ) from None


def _password(settings: Settings) -> str:
    password = settings.secret("mongodb_pass")
    if password is None:
        raise StartupError(
            "MongoDB has a user but no password.",
            "Set FACEGATE_MONGODB_PASS or FACEGATE_MONGODB_PASS_FILE.",
        )
    return password
