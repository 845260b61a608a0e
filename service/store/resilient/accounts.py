"""Users and their history behind the circuit breaker; nothing of them is set aside."""

from __future__ import annotations

from contextlib import AbstractContextManager

from service.store.accounts import AccountStore, HistoryEntry, Place, User


class ResilientAccounts:
    """See `AccountStore`."""

    def _reach(self, operation: str) -> AbstractContextManager[AccountStore]:
        raise NotImplementedError

    def add_user(self, user: User) -> bool:
        with self._reach("add_user") as primary:
            return primary.add_user(user)

    def get_user(self, name: str) -> User | None:
        with self._reach("get_user") as primary:
            return primary.get_user(name)

    def put_user(self, user: User) -> None:
        with self._reach("put_user") as primary:
            primary.put_user(user)

    def delete_user(self, name: str) -> None:
        with self._reach("delete_user") as primary:
            primary.delete_user(name)

    def put_entry(self, entry: HistoryEntry) -> None:
        with self._reach("put_entry") as primary:
            primary.put_entry(entry)

    def get_entry(self, user: str, entry_id: str) -> HistoryEntry | None:
        with self._reach("get_entry") as primary:
            return primary.get_entry(user, entry_id)

    def list_entries(
        self, user: str, limit: int, before: Place | None = None
    ) -> list[HistoryEntry]:
        with self._reach("list_entries") as primary:
            return primary.list_entries(user, limit, before)

    def delete_entries(self, user: str, entry_id: str | None = None) -> int:
        with self._reach("delete_entries") as primary:
            return primary.delete_entries(user, entry_id)
