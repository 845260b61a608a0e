"""Users of the gateway and what they asked before: the part of every store that keeps them."""

from __future__ import annotations

from typing import Any, Protocol

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass

Place = tuple[float, str]  # created_at and id of an entry


@dataclass(frozen=True)
class User:
    """`name` is unique; `password` is its salted argon2 hash, never the password. Tokens hold as
    long as they carry the `stamp`."""

    name: str
    password: str
    created_at: float
    stamp: str = ""


@dataclass(frozen=True)
class HistoryEntry:
    """One answer that a user got, as it was rendered."""

    id: str
    user: str
    created_at: float
    expires_at: float
    answer: dict[str, Any]


USER = TypeAdapter(User)
ENTRY = TypeAdapter(HistoryEntry)


class AccountStore(Protocol):
    """Raises StoreUnavailable as all of a store does."""

    def add_user(self, user: User) -> bool:
        """Whether the user was new; one of this name that is there stays as it is."""

    def get_user(self, name: str) -> User | None:
        """The user of this name."""

    def put_user(self, user: User) -> None:
        """Replace the user of this name; one that is not there is not made."""

    def delete_user(self, name: str) -> None:
        """Delete a user and all of their history."""

    def put_entry(self, entry: HistoryEntry) -> None:
        """Insert; the same id again changes nothing."""

    def get_entry(self, user: str, entry_id: str) -> HistoryEntry | None:
        """One unexpired entry of one user."""

    def list_entries(
        self, user: str, limit: int, before: Place | None = None
    ) -> list[HistoryEntry]:
        """Unexpired entries of one user, newest first; `before` is the last one of the page
        before."""

    def delete_entries(self, user: str, entry_id: str | None = None) -> int:
        """Delete one entry of a user, or all; returns how many went."""
