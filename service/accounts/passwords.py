"""Passwords as argon2id hashes."""

from __future__ import annotations

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from service.runtime.limits.concurrency import ConcurrencyLimit

# Of a random password that nobody kept. Made beforehand, so that the first unknown name takes no
# longer than the others.
NOBODYS = (
    "$argon2id$v=19$m=65536,t=3,p=4$Ad6pT+4WOog7brkz8Z3f5A$914wF5"
    "2Sq0s5lJKyKJCw/38kqN/wVr3Y1ZjA+HBBja0"
)
AT_ONCE, WAITING, PATIENCE = 2, 8, 5.0  # a hash takes 64 MiB and a core for a while


class Passwords:
    """Hashes and checks passwords. Safe for threads."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
        self._limit = ConcurrencyLimit(AT_ONCE, WAITING, PATIENCE)

    def hashed(self, password: str) -> str:
        """A salted hash. Raises Overloaded."""
        with self._limit.enter():
            return self._hasher.hash(_bytes(password))

    def fits(self, hashed: str | None, password: str) -> bool:
        """Whether the password is the one of the hash; None takes as long as a wrong one, so that
        nobody learns which names exist. Raises Overloaded."""
        with self._limit.enter():
            try:
                self._hasher.verify(hashed or NOBODYS, _bytes(password))
            except (VerificationError, InvalidHashError):
                return False
        return hashed is not None


def _bytes(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")
