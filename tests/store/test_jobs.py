"""Jobs: what every store that remembers does with them, and the one that does not."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from service.errors import StoreUnavailable
from service.store.base import EntryRefused, Store
from service.store.counter import Counter
from service.store.jobs import Busy, StoredJob
from service.store.mongo.store import MongoStore
from service.store.null.store import NullStore
from service.store.sqlite.store import MIGRATIONS, SqliteStore
from tests.store.records import in_processes

OWNER = "d" * 64
LATER = 4e9


def a_job(**changes: Any) -> StoredJob:
    fields: dict[str, Any] = {
        "id": f"job_{uuid4().hex}",
        "owner": OWNER,
        "created_at": 1.5,
        "expires_at": LATER,
        "sha256": "5a" * 32,
        "size": 7,
        "media": "image",
        "counters": (Counter("d/day", 3, LATER), Counter("d/month", None, LATER)),
    }
    return StoredJob(**fields | changes)


def added(store: Store, **changes: Any) -> StoredJob:
    job = a_job(**changes)
    store.add_job(job)
    return job


def test_a_job_comes_back_as_added(store: Store) -> None:
    job = added(
        store,
        callback_url="https://example.com/",
        callback="waiting",
        state="failed",
        analysis={"kind": "image", "faces": [{"box": {"x": 1.5}}]},
        code="INVALID_IMAGE",
        finished_at=2.5,
    )
    assert store.get_job(OWNER, job.id) == job


def test_a_job_belongs_to_its_owner(store: Store) -> None:
    job = added(store)
    assert store.get_job("e" * 64, job.id) is None
    assert not store.delete_job("e" * 64, job.id)
    assert store.get_job(OWNER, job.id) == job


def test_an_expired_job_is_nobodys_and_goes_with_the_purge(store: Store) -> None:
    job = added(store, expires_at=time.time() - 1)
    assert store.get_job(OWNER, job.id) is None
    assert store.next_job("judging", time.time()) is None
    assert store.job_load(OWNER).total == 0
    store.purge(time.time())
    assert not store.delete_job(OWNER, job.id)


def test_the_oldest_free_job_comes_first(store: Store) -> None:
    now = time.time()
    added(store, created_at=3.0)
    added(store, created_at=1.0, lease="mine", lease_until=now + 60)
    second = added(store, created_at=2.0)
    added(store, created_at=0.5, state="done")
    assert store.next_job("judging", now) == second


def to_tell(store: Store, due: float, owner: str = OWNER, url: str = "https://a/") -> StoredJob:
    more: dict[str, Any] = {"state": "done", "callback": "waiting", "callback_url": url}
    return added(store, lease_until=due, owner=owner, created_at=9.0 - due, **more)


def test_who_was_due_first_is_called_first(store: Store) -> None:
    """Not the oldest one, whose address may have hung many times before."""
    second, first, _ = to_tell(store, 2.0), to_tell(store, 1.0), to_tell(store, 3.0)
    to_tell(store, LATER)
    assert store.next_job("calling", time.time()) == first
    assert store.update_job(replace(first, lease_until=time.time() - 1), "")
    assert store.next_job("calling", time.time()) == second


def test_who_is_being_called_waits(store: Store) -> None:
    to_tell(store, 1.0, "e" * 64, "https://b/")
    to_tell(store, 2.0)
    free = to_tell(store, 3.0, url="https://c/")
    now = time.time()
    assert store.next_job("calling", now, Busy(("e" * 64,), ("https://a/",))) == free
    assert store.next_job("calling", now, Busy(("e" * 64, OWNER))) is None


def test_a_job_whose_lease_ended_is_free_again(store: Store) -> None:
    job = added(store, state="running", lease="dead", lease_until=time.time() - 1, attempts=1)
    assert store.next_job("judging", time.time()) == job


def test_what_is_judged_waits_to_be_called_about_and_then_no_more(store: Store) -> None:
    waiting = added(store, state="done", callback="waiting")
    assert store.next_job("judging", time.time()) is None
    assert store.next_job("calling", time.time()) == waiting
    assert store.update_job(replace(waiting, callback="delivered"), "")
    assert store.next_job("calling", time.time()) is None


def test_only_who_holds_the_lease_may_write(store: Store) -> None:
    job = added(store)
    taken = job.leased("mine", time.time() + 60)
    assert (taken.state, taken.attempts) == ("running", 1)
    assert store.update_job(taken, "")
    assert not store.update_job(job.leased("yours", time.time() + 60), "")
    assert store.get_job(OWNER, job.id) == taken
    assert store.update_job(replace(taken, progress=0.5), "mine")


def test_a_deleted_job_takes_no_update_and_its_medium_is_gone(store: Store) -> None:
    job = added(store)
    store.put_medium(job.id, BytesIO(b"pixels!"), LATER)
    assert store.delete_job(OWNER, job.id)
    assert not store.update_job(job, "")
    assert store.open_medium(job.id) is None
    assert not store.delete_job(OWNER, job.id)


def test_the_load_counts_what_is_not_judged_yet(store: Store) -> None:
    added(store, size=5, created_at=2.0)
    added(store, size=6, created_at=3.0, owner="e" * 64, state="running")
    added(store, size=7, state="done", created_at=1.0)
    load = store.job_load(OWNER)
    assert (load.own, load.total, load.size, load.oldest) == (1, 2, 11, 2.0)


@pytest.mark.parametrize("size", [1, 2**20, 2**20 + 1, 3 * 2**20 + 5])
def test_a_medium_comes_back_as_put(store: Store, size: int) -> None:
    data = os.urandom(size)
    store.put_medium("job_1", BytesIO(data), LATER)
    stream = store.open_medium("job_1")
    assert stream is not None
    with stream:
        assert stream.read() == data
    store.drop_medium("job_1")
    assert store.open_medium("job_1") is None
    store.drop_medium("job_1")


def claim_all(store: Store, folder: Path) -> Callable[[int], None]:
    def work(number: int) -> None:
        while (job := store.next_job("judging", time.time())) is not None:
            if store.update_job(job.leased(str(number), LATER), job.lease):
                (folder / f"{job.id}-{number}").touch()
        store.close()

    return work


def test_of_several_workers_one_gets_a_job(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "facegate.db", busy_timeout=30)
    for _ in range(20):
        added(store)
    (tmp_path / "won").mkdir()
    in_processes(4, claim_all(store, tmp_path / "won"))
    assert len(list((tmp_path / "won").iterdir())) == 20


def test_of_several_containers_one_gets_a_job(
    open_mongo: Callable[..., MongoStore], tmp_path: Path
) -> None:
    store = open_mongo()
    for _ in range(20):
        added(store)
    store.close()
    in_processes(4, lambda number: claim_all(open_mongo(), tmp_path)(number))  # noqa: PLW0108
    assert len(list(tmp_path.iterdir())) == 20


def test_a_file_of_the_release_before_is_led_on(tmp_path: Path) -> None:
    from service.store.sqlite.database import Database

    with Database(tmp_path / "facegate.db", MIGRATIONS[:3], 5.0).connection():
        pass
    job = added(SqliteStore(tmp_path / "facegate.db"))
    assert SqliteStore(tmp_path / "facegate.db").get_job(OWNER, job.id) == job


def test_sqlite_keeps_media_for_this_user_alone_and_purges_what_no_job_has(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "facegate.db")
    job = added(store)
    for name in (job.id, "job_orphan"):
        store.put_medium(name, BytesIO(b"x"), LATER)
        assert (tmp_path / "jobs" / name).stat().st_mode & 0o777 == 0o600
        os.utime(tmp_path / "jobs" / name, (1, 1))
    store.purge(time.time())
    assert [file.name for file in (tmp_path / "jobs").iterdir()] == [job.id]


def test_a_full_disk_refuses_the_medium_and_leaves_nothing(tmp_path: Path) -> None:
    class Full(BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(errno.ENOSPC, "No space left on device")

    store = SqliteStore(tmp_path / "facegate.db")
    with pytest.raises(EntryRefused):
        store.put_medium("job_1", Full(), LATER)
    assert list((tmp_path / "jobs").iterdir()) == []


def test_without_a_store_there_are_no_jobs() -> None:
    store = NullStore()
    with pytest.raises(StoreUnavailable, match="Jobs need a store"):
        store.add_job(a_job())
    with pytest.raises(StoreUnavailable, match="Jobs need a store"):
        store.put_medium("job_1", BytesIO(b"x"), LATER)
    assert store.next_job("judging", 0.0) is store.get_job(OWNER, "job_1") is None
    assert (store.update_job(a_job(), ""), store.delete_job(OWNER, "x")) == (False, False)
    assert store.open_medium("job_1") is None
