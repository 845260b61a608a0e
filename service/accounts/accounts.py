"""`Accounts`: log in with a name and a password, get a token; find the user of a token."""

from __future__ import annotations

import hmac
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import replace

from service.accounts.attempts import Attempts
from service.accounts.passwords import Passwords
from service.accounts.quality import weakness
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
        name = check_name(name)
        check_password(name, password)
        self._attempts.begin_registration(name, address)
        user = User(
            name=name,
            password=self._passwords.hashed(password),
            created_at=self._clock(),
            stamp=new_stamp(),
        )
        if not self._store.add_user(user):
            raise UserExists
        return self._tokens.issue(name, user.stamp)

    def login(self, name: str, password: str, address: str) -> str:
        """A token. Raises WrongPassword, TooManyAttempts, Overloaded or StoreUnavailable."""
        user = self._proven(name, password, address)
        return self._tokens.issue(user.name, user.stamp)

    def user(self, token: str) -> User:
        """The user of a token. Raises WrongToken or StoreUnavailable."""
        name, stamp = self._tokens.read(token)
        user = self._store.get_user(name)
        if user is None or not hmac.compare_digest(user.stamp.encode(), stamp.encode()):
            raise WrongToken
        return user

    def revoke_tokens(self, user: User) -> None:
        """No token of this user that was given out until now holds any more."""
        self._store.put_user(replace(user, stamp=new_stamp()))

    def change_password(self, user: User, old: str, new: str, address: str) -> str:
        """A new token; no other one holds any more.

        Raises WrongPassword, RequestError, TooManyAttempts, Overloaded or StoreUnavailable.
        """
        self._proven(user.name, old, address)
        check_password(user.name, new)
        changed = replace(user, password=self._passwords.hashed(new), stamp=new_stamp())
        self._store.put_user(changed)
        return self._tokens.issue(user.name, changed.stamp)

    def delete(self, user: User, password: str, address: str) -> None:
        """Delete a user, with all of their history.

        Raises WrongPassword, TooManyAttempts, Overloaded or StoreUnavailable.
        """
        self._proven(user.name, password, address)
        self._store.delete_user(user.name)

    def _proven(self, name: str, password: str, address: str) -> User:
        name = name.lower()
        attempt = self._attempts.begin(name, address)
        user = self._store.get_user(name) if NAME.fullmatch(name) else None
        fits = self._passwords.fits(user.password if user else None, password[:LONGEST])
        if user is None or not fits:
            raise WrongPassword
        self._attempts.succeeded(attempt)
        return user


def new_stamp() -> str:
    """A fresh one. Of a user deleted and made anew, too, no old token holds."""
    return secrets.token_hex(8)


def check_name(name: str) -> str:
    """In lower case, so that nobody can pose as another. Raises RequestError."""
    if not NAME.fullmatch(name.lower()):
        raise RequestError(
            "The field username must have 3 to 64 letters, digits or ._@+- and begin with"
            " a letter or digit."
        )
    return name.lower()


def check_password(name: str, password: str) -> None:
    """Raises RequestError for what cannot be a password."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise RequestError(f"The field password must have {SHORTEST} to {LONGEST} characters.")
    if why := weakness(password, name):
        raise RequestError(f"The field password {why}.")
