"""Challenges: a picture is taken for this one request, now, and not one that was kept.

A challenge names its end and who asked for it, sealed by a key made of this installation's. Only
that it was used is kept, in the store, so that asking for many costs nothing.
"""

from __future__ import annotations

import binascii
import hmac
import secrets
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode

from service.errors import ChallengeError, ChallengeExpired, ChallengeMissing, ChallengeUsed
from service.licensing.digest import digest_key
from service.settings import Settings
from service.store.base import Store

LONGEST = 128  # characters
END, NONCE, SEAL = 8, 16, 16  # bytes
REMEMBERED = 86400.0  # seconds beyond the end, for clocks that are set back


class Challenges:
    """Safe for threads and processes."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings, self._store = settings, store
        self._key = hmac.digest(digest_key(settings), b"challenges of sessions", "sha256")

    @property
    def required(self) -> bool:
        """Whether nothing is judged without one."""
        return self._settings.sessions == "required"

    def issue(self, holder: str) -> tuple[str, float]:
        """One for whoever this is, and when it ends, in seconds since the epoch."""
        ends = int((time.time() + self._settings.session_ttl) * 1000)
        body = ends.to_bytes(END, "big") + secrets.token_bytes(NONCE)
        return urlsafe_b64encode(body + self._seal(body, holder)).decode(), ends / 1000

    def use(self, challenge: str | None, holder: str) -> None:
        """Use it up. Raises ChallengeError, or StoreUnavailable: then nobody knows."""
        if not challenge:
            if self.required:
                raise ChallengeMissing
            return
        ends = self._checked(challenge, holder)
        if ends < time.time():
            raise ChallengeExpired
        if not self._store.claim(f"challenge/{challenge}", ends + REMEMBERED):
            raise ChallengeUsed

    def _checked(self, challenge: str, holder: str) -> float:
        """When it ends. Raises ChallengeError for what was not made here for this holder."""
        try:
            data = urlsafe_b64decode(challenge[:LONGEST].encode())
        except (binascii.Error, ValueError):
            raise ChallengeError from None
        body, seal = data[:-SEAL], data[-SEAL:]
        # The same bytes may be written in several ways, and each counts as used once.
        one_way = urlsafe_b64encode(data).decode() == challenge
        if not one_way or not hmac.compare_digest(seal, self._seal(body, holder)):
            raise ChallengeError
        return int.from_bytes(body[:END], "big") / 1000

    def _seal(self, body: bytes, holder: str) -> bytes:
        return hmac.digest(self._key, body + holder.encode(), "sha256")[:SEAL]
