"""Forgetting: what every store deletes, and what it leaves."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from service.errors import StoreUnavailable
from service.store.accounts import HistoryEntry
from service.store.base import Store
from service.store.forgetting import Selection
from service.store.mongo.store import MongoStore
from service.store.null.store import NullStore
from service.store.pictures import SeenPicture
from service.store.records import StoredRecord
from service.store.resilient.spool import Spool
from service.store.resilient.store import ResilientStore
from service.store.sqlite import forgetting
from service.store.sqlite.store import SqliteStore
from tests.store.records import a_licence, a_result
from tests.store.test_jobs import a_job

OURS, THEIRS = "a1" * 32, "b2" * 32  # licences
ONE, OTHER = "5a" * 32, "6b" * 32  # media
LATER = 4e9
ALL = {"results": 1, "jobs": 1, "history": 1, "pictures": 1, "records": 1}


def keep(store: Store, licence: str = OURS, sha256: str = ONE, at: float = 1000.0) -> None:
    """One of everything that is kept about a medium."""
    facts: dict[str, Any] = {"sha256": sha256, "created_at": at, "expires_at": LATER}
    store.put_result(a_result(licence=licence, **facts))
    job = a_job(owner=licence, **facts)
    store.put_medium(job.id, BytesIO(b"medium"), LATER)
    store.add_job(job)
    answer = {"sha256": sha256, "licence": licence, "full_response": {}}
    store.put_entry(HistoryEntry(uuid4().hex, licence[:4], at, LATER, answer))
    review = {"sha256": sha256, "licence": licence, "made_at": at}
    store.put_record(StoredRecord("reviews", uuid4().hex, time.time(), review))
    store.put_record(StoredRecord("people", uuid4().hex, 1.0, {"name": "ada"}))
    store.put_picture(SeenPicture(uuid4().hex, licence, sha256, "", "00", ("0-00",), at, LATER))


def kept(store: Store, licence: str) -> int:
    """How many results and entries of a history a licence has; and jobs, of any stage."""
    results, entries = store.list_results(licence, 10), store.list_entries(licence[:4], 10)
    return len(results) + len(entries) + store.job_load(licence).own


@pytest.mark.parametrize(
    "given", [{"sha256": OTHER}, {"licence": THEIRS}, {"before": 900.0}], ids=min
)
def test_what_is_meant_goes_and_nothing_else(store: Store, given: dict[str, Any]) -> None:
    keep(store)
    keep(store, licence=THEIRS, sha256=OTHER, at=800.0)
    store.put_licence(a_licence(THEIRS))
    assert store.forget(Selection(**given)) == ALL
    assert (kept(store, OURS), kept(store, THEIRS)) == (3, 0)
    assert store.forget(Selection(**given)) == dict.fromkeys(ALL, 0)
    assert store.get_licence(THEIRS) is not None
    assert len(store.list_records("people", 10)) == 2


def test_of_several_conditions_all_must_hold(store: Store) -> None:
    keep(store)
    keep(store, licence=THEIRS)
    assert store.forget(Selection(sha256=ONE, licence=THEIRS, before=2000.0)) == ALL
    assert store.forget(Selection(sha256=ONE, licence=OURS, before=500.0)) == dict.fromkeys(ALL, 0)
    assert kept(store, OURS) == 3


def test_a_jobs_medium_goes_with_it(store: Store) -> None:
    job = a_job()
    store.put_medium(job.id, BytesIO(b"medium"), LATER)
    store.add_job(job)
    store.forget(Selection(sha256=job.sha256))
    assert store.open_medium(job.id) is None


def test_everything_is_meant_by_nobody(store: Store) -> None:
    with pytest.raises(ValueError, match="name a sha256"):
        store.forget(Selection())
    assert NullStore().forget(Selection(sha256=ONE)) == {}


def test_more_than_a_transaction_takes(
    sqlite_store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forgetting, "STEP", 2)
    for _ in range(5):
        sqlite_store.put_result(a_result(licence=OURS))
    assert sqlite_store.forget(Selection(licence=OURS))["results"] == 5


def test_no_byte_of_an_image_is_left_in_the_files(
    sqlite_store: SqliteStore, tmp_path: Path
) -> None:
    image = b"the face of somebody " * 5000

    def found() -> bool:
        return any(image[:40] in one.read_bytes() for one in (tmp_path / "data").glob("facegate*"))

    sqlite_store.put_result(a_result(licence=OURS, image=image))
    assert found()
    sqlite_store.forget(Selection(licence=OURS))
    assert not found()


def test_what_waits_for_a_store_that_is_away_is_forgotten_too(
    open_mongo: Callable[..., MongoStore], tmp_path: Path
) -> None:
    spool = Spool(tmp_path / "spool.db")
    spool.put_result(a_result(licence=OURS, image=b"the face of somebody"))
    spool.put_result(a_result(licence=THEIRS, sha256=OTHER))
    spool.put_use([], 1)
    away = ResilientStore(MongoStore("mongodb://127.0.0.1:9", "x", 0.05), spool, retry=60)
    with pytest.raises(StoreUnavailable):
        away.forget(Selection(licence=OURS))
    away.close()
    assert spool.pending() == 2
    assert b"somebody" not in b"".join(one.read_bytes() for one in tmp_path.glob("spool.db*"))
    store = ResilientStore(open_mongo(), spool, retry=60)
    store.put_result(a_result(licence=THEIRS, sha256=OTHER))
    gone = store.forget(Selection(sha256=OTHER, before=time.time() + 60))["results"]
    assert gone == 2  # whether or not it was delivered meanwhile
    store.close()


def test_what_is_on_its_way_to_the_store_is_forgotten_too(
    open_mongo: Callable[..., MongoStore], tmp_path: Path
) -> None:
    """Another worker has taken it from the spool, and delivers it while it is forgotten."""
    spool, primary = Spool(tmp_path / "spool.db"), open_mongo()
    spool.put_result(a_result())
    (taken,) = spool.claim()
    store = ResilientStore(primary, Spool(tmp_path / "spool.db"), retry=60)
    with ThreadPoolExecutor() as pool:
        forgetting = pool.submit(store.forget, Selection(before=time.time() + 60))
        time.sleep(0.1)
        primary.put_result(a_result())
        spool.done(taken)
        assert forgetting.result()["results"] == 1
    assert primary.list_results(a_result().licence, 10) == []
    store.close()
