"""The console's records, in every store that remembers and in the one that does not."""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

import pytest

from service.errors import StoreUnavailable
from service.store.base import Store
from service.store.null.store import NullStore
from service.store.records import StoredRecord


def a_record(**changes: Any) -> StoredRecord:
    fields = {"shelf": "people", "id": uuid4().hex, "created_at": 1.5, "document": {"a": [1, None]}}
    return StoredRecord(**fields | changes)  # type: ignore[arg-type]


def test_a_record_comes_back_as_put(store: Store) -> None:
    record = a_record(expires_at=time.time() + 60)
    store.put_record(record)
    assert store.get_record("people", record.id) == record
    assert store.get_record("sessions", record.id) is None


def test_putting_replaces_and_adding_does_not(store: Store) -> None:
    first = a_record()
    assert store.add_record(first)
    assert not store.add_record(a_record(id=first.id, document={}))
    assert store.get_record("people", first.id) == first
    second = a_record(id=first.id, created_at=2.5, document={"b": 1})
    store.put_record(second)
    assert store.list_records("people", 10) == [second]


def test_an_expired_record_is_not_there_and_its_id_is_free(store: Store) -> None:
    old = a_record(expires_at=time.time() - 1)
    store.put_record(old)
    assert store.get_record("people", old.id) is None
    assert store.list_records("people", 10) == []
    assert not store.delete_record("people", old.id)
    assert store.add_record(a_record(id=old.id))
    store.purge(time.time())
    assert store.get_record("people", old.id) is not None


def test_records_are_listed_newest_first_page_by_page(store: Store) -> None:
    ones = [a_record(id=name, created_at=at) for name, at in [("b", 1.0), ("a", 1.0), ("c", 2.0)]]
    for one in [*ones, a_record(shelf="other", created_at=9.0)]:
        store.put_record(one)
    first = store.list_records("people", 2)
    assert [one.id for one in first] == ["c", "b"]
    last = (first[-1].created_at, first[-1].id)
    assert [one.id for one in store.list_records("people", 2, last)] == ["a"]


def test_a_deleted_record_is_gone(store: Store) -> None:
    record = a_record()
    store.put_record(record)
    assert store.delete_record("people", record.id)
    assert not store.delete_record("people", record.id)
    assert store.get_record("people", record.id) is None


def test_without_a_store_there_are_no_records() -> None:
    store = NullStore()
    for write in (store.add_record, store.put_record):
        with pytest.raises(StoreUnavailable, match="The console needs a store"):
            write(a_record())
    assert store.get_record("people", "x") is None
    assert store.list_records("people", 1) == []
    assert not store.delete_record("people", "x")
