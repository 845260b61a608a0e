"""No users and no history, where there is no store."""

from __future__ import annotations

from service.errors import StoreUnavailable
from service.store.accounts import HistoryEntry, Place, User


class NullAccounts:
    """See `AccountStore`. No user can be added: one that a single worker knows is of no use."""

    def add_user(self, user: User) -> bool:  # noqa: ARG002
        raise StoreUnavailable("Users need a store, and this service runs without one.")

    def get_user(self, name: str) -> User | None:  # noqa: ARG002
        return None

    def put_user(self, user: User) -> None:
        """Do nothing: there are no users."""

    def delete_user(self, name: str) -> None:
        """Do nothing: there are no users."""

    def put_entry(self, entry: HistoryEntry) -> None:
        """Forgotten at once."""

    def get_entry(self, user: str, entry_id: str) -> HistoryEntry | None:  # noqa: ARG002
        return None

    def list_entries(
        self,
        user: str,  # noqa: ARG002
        limit: int,  # noqa: ARG002
        before: Place | None = None,  # noqa: ARG002
    ) -> list[HistoryEntry]:
        return []

    def delete_entries(self, user: str, entry_id: str | None = None) -> int:  # noqa: ARG002
        return 0
