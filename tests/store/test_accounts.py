"""Users and their history: what every store that remembers does, and the one that does not."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from service.errors import StoreUnavailable
from service.store.accounts import HistoryEntry, User
from service.store.base import Store
from service.store.null.store import NullStore
from service.store.sqlite.store import MIGRATIONS, SqliteStore
from tests.servers import MongoServer
from tests.store.records import in_processes


def a_user(name: str = "ada", **changes: Any) -> User:
    return User(name=name, **{"password": "$argon2id$x", "created_at": 1.5} | changes)


def an_entry(**changes: Any) -> HistoryEntry:
    fields: dict[str, Any] = {
        "id": uuid4().hex,
        "user": "ada",
        "created_at": time.time(),
        "expires_at": time.time() + 3600,
        "answer": {"verdict": "fake", "model_results": {"a.b": {"probability": 0.5}}},
    }
    return HistoryEntry(**fields | changes)


def test_a_user_comes_back_as_added(store: Store) -> None:
    assert store.get_user("ada") is None
    assert store.add_user(a_user())
    assert store.get_user("ada") == a_user()
    assert store.get_user("Ada") is None


def test_a_name_is_given_once(store: Store) -> None:
    assert store.add_user(a_user())
    assert not store.add_user(a_user(password="another"))
    assert store.get_user("ada") == a_user()


def test_a_user_is_replaced_and_deleted_with_all_of_the_history(store: Store) -> None:
    store.put_user(a_user())  # not there: not made
    assert store.get_user("ada") is None
    store.add_user(a_user())
    store.put_user(a_user(stamp="new"))
    assert store.get_user("ada") == a_user(stamp="new")
    for name in ("ada", "eve"):
        store.put_entry(an_entry(user=name))
    store.delete_user("ada")
    assert store.get_user("ada") is None
    assert store.list_entries("ada", 10) == []
    assert len(store.list_entries("eve", 10)) == 1


def test_of_several_workers_one_gets_the_name(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "facegate.db")

    def register(number: int) -> None:
        if store.add_user(a_user(password=str(number))):
            (tmp_path / f"won-{number}").touch()

    in_processes(4, register)
    assert len(list(tmp_path.glob("won-*"))) == 1


def test_an_entry_comes_back_as_put(store: Store) -> None:
    entry = an_entry()
    store.put_entry(entry)
    store.put_entry(entry)
    assert store.get_entry("ada", entry.id) == entry
    assert store.list_entries("ada", 10) == [entry]


def test_nobody_sees_or_deletes_what_another_asked(store: Store) -> None:
    entry = an_entry()
    store.put_entry(entry)
    assert store.get_entry("eve", entry.id) is None
    assert store.list_entries("eve", 10) == []
    assert store.delete_entries("eve", entry.id) == store.delete_entries("eve") == 0
    assert store.get_entry("ada", entry.id) == entry


def test_pages_are_newest_first_and_complete(store: Store) -> None:
    entries = [an_entry(id=f"{n}", created_at=float(n // 2)) for n in range(7)]
    for entry in entries:
        store.put_entry(entry)
    seen: list[HistoryEntry] = []
    while page := store.list_entries("ada", 3, _place(seen)):
        seen += page
    assert [one.id for one in seen] == [*"6543210"]


def _place(seen: list[HistoryEntry]) -> tuple[float, str] | None:
    return (seen[-1].created_at, seen[-1].id) if seen else None


def test_one_entry_or_all_are_deleted(store: Store) -> None:
    entries = [an_entry() for _ in range(3)]
    for entry in entries:
        store.put_entry(entry)
    assert store.delete_entries("ada", entries[0].id) == 1
    assert store.delete_entries("ada", entries[0].id) == 0
    assert store.delete_entries("ada") == 2
    assert store.list_entries("ada", 10) == []


def test_what_has_expired_is_not_shown_and_is_purged(store: Store) -> None:
    old = an_entry(expires_at=time.time() - 1)
    store.put_entry(old)
    assert store.get_entry("ada", old.id) is None
    assert store.list_entries("ada", 10) == []
    store.purge(time.time())
    assert store.delete_entries("ada") == 0


def test_a_store_that_is_away_says_so(resilient_store: Store, fallible_server: MongoServer) -> None:
    fallible_server.kill()
    for call in (
        lambda: resilient_store.add_user(a_user()),
        lambda: resilient_store.get_user("ada"),
        lambda: resilient_store.put_entry(an_entry()),
        lambda: resilient_store.list_entries("ada", 1),
        lambda: resilient_store.delete_entries("ada"),
    ):
        with pytest.raises(StoreUnavailable):
            call()


def test_a_file_of_the_version_before_gets_the_new_tables(tmp_path: Path) -> None:
    from service.store.sqlite.database import Database

    before = Database(tmp_path / "facegate.db", MIGRATIONS[:2], 5.0)
    with before.connection() as db:
        db.execute("INSERT INTO licences VALUES ('d', 1.0, '{}')")
    before.close()
    store = SqliteStore(tmp_path / "facegate.db")
    assert store.add_user(a_user())
    store.close()


def test_without_a_store_nobody_can_register() -> None:
    store = NullStore()
    store.put_entry(an_entry())
    assert store.get_user("ada") is None
    assert store.list_entries("ada", 10) == []
    assert store.delete_entries("ada") == 0
    with pytest.raises(StoreUnavailable, match="without one"):
        store.add_user(a_user())
