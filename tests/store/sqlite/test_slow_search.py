"""SQLite where there is more to look through than a person waits for."""

from __future__ import annotations

import time

import pytest

from service.errors import StoreTooSlow
from service.store.search import Filter
from service.store.sqlite import search
from service.store.sqlite.store import SqliteStore
from tests.store.records import a_result


def test_what_was_found_until_the_patience_ended_is_told_and_the_store_goes_on(
    sqlite_store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, warned = time.time(), {"score": 0.5, "decision": "bona_fide", "reasons": ["NEW"]}
    for number in range(200):
        analysis = warned if number < 2 else warned | {"reasons": []}
        sqlite_store.put_result(
            a_result(id=f"r{number}", created_at=now - number, analysis=analysis)
        )
    monkeypatch.setattr(search, "PATIENCE", -1.0)
    monkeypatch.setattr(search, "STEPS", 1000)
    with pytest.raises(StoreTooSlow) as told:
        sqlite_store.search_results(Filter(reason="NEW"), "newest", 10)
    # The step that ends it loses the row before.
    assert [one.id for one in told.value.found] == ["r0"]
    with pytest.raises(StoreTooSlow):
        sqlite_store.result_points(Filter(warned=True), 10)
    monkeypatch.setattr(search, "PATIENCE", 5.0)
    assert len(sqlite_store.search_results(Filter(reason="NEW"), "newest", 10)) == 2
