"""The administrator that a first start makes for a developer who looks at the console."""

from __future__ import annotations

import secrets

from service.accounts.people import People
from service.errors import UserExists
from service.runtime.secrets import create_once
from service.settings import Settings
from service.store.base import Store

NAME = "developer"


def development_user(settings: Settings, store: Store) -> tuple[str, str]:
    """Name and password, the same at every start; kept in the data folder for this user's eyes.

    Raises StartupError and StoreUnavailable.
    """
    password = create_once(settings.data_dir / "development.password", secrets.token_urlsafe(15))
    people = People(settings, store)
    try:
        people.add(NAME, password, "administrator")
    except UserExists:
        people.set_password(NAME, password)
    return NAME, password
