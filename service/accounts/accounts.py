"""`Accounts`: log in with a name and a password, get a token; find the user of a token."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from service.accounts.attempts import Attempts
from service.accounts.passwords import Passwords
from service.accounts.tokens import Tokens
from service.errors import RequestError, UserExists, WrongPassword, WrongToken
from service.settings import Settings
from service.store.accounts import User
from service.store.base import Store

NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{2,63}")
SHORTEST, LONGEST = 8, 256  # characters of a password


class Accounts:
    """Safe for threads. Raises StartupError when the token key is unusable."""

    def __init__(
        self, settings: Settings, store: Store, clock: Callable[[], float] = time.time
    ) -> None:
        self._store, self._clock = store, clock
        self._passwords = Passwords()
        self._tokens = Tokens(settings, clock)
        self._attempts = Attempts(store, settings.login_attempts, clock)

    def register(self, name: str, password: str, address: str) -> str:
        """A token of the new user.

        Raises RequestError for what cannot be a name or a password, UserExists, TooManyAttempts,
        Overloaded or StoreUnavailable.
        """
        name = _name(name)
        _check_password(name, password)
        self._attempts.begin(name, address)
        user = User(name=name, password=self._passwords.hashed(password), created_at=self._clock())
        if not self._store.add_user(user):
            raise UserExists
        return self._tokens.issue(name)

    def login(self, name: str, password: str, address: str) -> str:
        """A token. Raises WrongPassword, TooManyAttempts, Overloaded or StoreUnavailable."""
        name = name.lower()
        attempt = self._attempts.begin(name, address)
        user = self._store.get_user(name) if NAME.fullmatch(name) else None
        if not self._passwords.fits(user.password if user else None, password[:LONGEST]):
            raise WrongPassword
        self._attempts.succeeded(attempt)
        return self._tokens.issue(name)

    def user(self, token: str) -> User:
        """The user of a token. Raises WrongToken or StoreUnavailable."""
        user = self._store.get_user(self._tokens.name_in(token))
        if user is None:
            raise WrongToken
        return user


def _name(name: str) -> str:
    """Names differ by more than case, so that nobody can pose as another."""
    if not NAME.fullmatch(name.lower()):
        raise RequestError(
            "The field username must have 3 to 64 letters, digits or ._@+- and begin with"
            " a letter or digit."
        )
    return name.lower()


def _check_password(name: str, password: str) -> None:
    if not SHORTEST <= len(password) <= LONGEST:
        raise RequestError(f"The field password must have {SHORTEST} to {LONGEST} characters.")
    if password.lower() == name:
        raise RequestError("The field password must differ from the user name.")
