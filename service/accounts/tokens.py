"""Bearer tokens: JWT, signed with this installation's own key."""

from __future__ import annotations

import secrets
from collections.abc import Callable

import jwt

from service.errors import StartupError, WrongToken
from service.runtime.secrets import create_once
from service.settings import Settings

ALGORITHM, ISSUER = "HS256", "facegate"
SHORTEST_KEY = 32  # bytes, as RFC 7518 asks for
CLAIMS = ["sub", "iat", "exp", "iss"]


class Tokens:
    """Raises StartupError when the key is unusable."""

    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        self._key, self._ttl, self._clock = token_key(settings), settings.token_ttl, clock

    def issue(self, name: str, stamp: str) -> str:
        """A token of the user of this name; it holds while the user has this stamp."""
        now = int(self._clock())
        claims = {"sub": name, "iat": now, "exp": now + int(self._ttl), "iss": ISSUER}
        claims |= {"stamp": stamp} if stamp else {}  # users of the first release have none
        return jwt.encode(claims, self._key, ALGORITHM)

    def read(self, token: str) -> tuple[str, str]:
        """Whose token this is, and its stamp. Raises WrongToken."""
        options = {"require": CLAIMS, "verify_exp": False, "verify_iat": False}
        try:
            claims = jwt.decode(token, self._key, [ALGORITHM], options, issuer=ISSUER)  # type: ignore[arg-type]
            if int(claims["exp"]) <= self._clock():
                raise WrongToken("This token has expired.")
        except (jwt.InvalidTokenError, ValueError, TypeError, OverflowError):
            raise WrongToken from None
        return str(claims["sub"]), str(claims.get("stamp", ""))


def token_key(settings: Settings) -> bytes:
    """The key of the settings, or the one made once in the data folder. Raises StartupError."""
    key = settings.secret("token_key") or create_once(
        settings.data_dir / "token.key", secrets.token_urlsafe(48)
    )
    if len(key.encode()) < SHORTEST_KEY:
        raise StartupError(
            f"The token key is shorter than {SHORTEST_KEY} bytes.",
            "Set FACEGATE_TOKEN_KEY to a long random value, or unset it: one is made then.",
        )
    return key.encode()
