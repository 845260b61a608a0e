"""A primary store that answers and yet does not take what it is given."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from service.errors import StoreUnavailable
from service.store.base import StoredResult
from service.store.resilient.spool import Spool
from service.store.resilient.store import ResilientStore
from service.store.sqlite.store import SqliteStore
from tests.store.records import Seen, a_result, answers, eventually


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool.db", lease=0.02)


class Picky(SqliteStore):
    """A healthy primary that refuses one entry: SQLite stands in, where that can be arranged."""

    def prepare(self) -> None: ...

    def put_result(self, result: StoredResult) -> None:
        if result.id == "bad":
            raise StoreUnavailable
        super().put_result(result)


@pytest.fixture
def picky(tmp_path: Path, spool: Spool, seen: Seen) -> Iterator[ResilientStore]:
    store = ResilientStore(Picky(tmp_path / "f.db"), spool, retry=0.05, observe=seen)
    yield store
    store.close()


def test_one_entry_that_is_refused_holds_up_no_other(picky: ResilientStore, spool: Spool) -> None:
    for name in ("bad", "good-1", "good-2"):
        spool.put_result(a_result(id=name))
    picky.ping()
    eventually(lambda: picky.pending() == 1)
    assert {each.id for each in picky.list_results("digest", 9)} == {"good-1", "good-2"}
    assert picky.available


def test_an_entry_that_is_refused_until_it_has_expired_is_counted_lost(
    picky: ResilientStore, spool: Spool, seen: Seen
) -> None:
    spool.put_result(a_result(id="bad", expires_at=time.time() + 0.3))
    picky.ping()
    eventually(lambda: picky.pending() == 0)
    assert seen.events == {("lost", "result"): 1}


def test_the_server_that_goes_away_while_it_is_prepared_is_prepared_again(
    tmp_path: Path, spool: Spool
) -> None:
    """SQLite stands in: no real server dies at the wished moment."""

    class Fickle(SqliteStore):
        prepared: ClassVar[list[bool]] = []

        def prepare(self) -> None:
            self.prepared.append(len(self.prepared) == 2)
            if not self.prepared[-1]:
                raise StoreUnavailable

    store = ResilientStore(Fickle(tmp_path / "f.db"), spool, retry=0.05)
    eventually(lambda: answers(store) and any(Fickle.prepared))
    time.sleep(0.2)
    assert Fickle.prepared == [False, False, True]
    store.close()
