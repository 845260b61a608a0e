"""Callbacks: an address that hangs holds up its owner's callbacks at most."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from service.judging.caller import AT_ONCE, OF_AN_OWNER, Caller
from service.settings import Settings
from service.store.jobs import StoredJob
from service.store.sqlite.store import SqliteStore
from tests.receiver import Receiver
from tests.store.test_jobs import added
from tests.waiting import eventually

AWAY = 0.3  # seconds that a callback to a hanging address takes here


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(tmp_path / "facegate.db", busy_timeout=30)
    yield opened
    opened.close()


@pytest.fixture
def hanging() -> Iterator[Receiver]:
    with Receiver() as receiver:
        receiver.go.clear()
        yield receiver


@pytest.fixture
def answering() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def caller_on(store: SqliteStore, tmp_path: Path, timeout: float = 20.0) -> Caller:
    settings = Settings(
        data_dir=tmp_path,
        fetch_allow=("127.0.0.1",),
        callback_timeout=timeout,
        callback_attempts=1,
    )
    caller = Caller(settings, store, lambda job: {"id": job.id}, lambda: None)
    caller.start(threading.Event())
    return caller


@pytest.fixture
def caller(store: SqliteStore, tmp_path: Path) -> Caller:
    return caller_on(store, tmp_path)


@pytest.fixture
def waiting(store: SqliteStore) -> Callable[..., StoredJob]:
    """A job that is over and waits to be called about."""
    due = iter(range(1, 1000))

    def one(owner: str, url: str) -> StoredJob:
        over = {"state": "done", "callback": "waiting", "callback_url": url}
        return added(store, owner=owner * 64, lease_until=float(next(due)), **over)

    return one


def begun(caller: Caller) -> int:
    """How many callbacks it begins at once."""
    return sum(iter(caller.take, False))


def test_another_licence_is_called_while_one_hangs(
    caller: Caller, waiting: Callable[..., StoredJob], hanging: Receiver, answering: Receiver
) -> None:
    for number in range(20):
        waiting("a", f"{hanging.url}/{number}")
    waiting("b", answering.url)
    assert begun(caller) == OF_AN_OWNER + 1
    eventually(lambda: answering.posts, seconds=5)
    assert not hanging.posts


def test_another_address_of_the_same_licence_is_called_while_one_hangs(
    caller: Caller, waiting: Callable[..., StoredJob], hanging: Receiver, answering: Receiver
) -> None:
    for _ in range(3):
        waiting("a", hanging.url)
    waiting("a", answering.url)
    assert begun(caller) == 2
    eventually(lambda: answering.posts, seconds=5)


def test_so_many_at_once_and_the_next_ones_when_these_are_over(
    caller: Caller, waiting: Callable[..., StoredJob], hanging: Receiver
) -> None:
    for number in range(AT_ONCE + 2):
        waiting(f"{number:x}", f"{hanging.url}/{number}")
    assert begun(caller) == AT_ONCE == len(caller.under_way)
    hanging.go.set()
    eventually(lambda: not caller.under_way)
    assert begun(caller) == 2
    eventually(lambda: len(hanging.posts) == AT_ONCE + 2)


def test_one_that_hung_comes_back_behind_those_that_wait(
    store: SqliteStore,
    tmp_path: Path,
    waiting: Callable[..., StoredJob],
    hanging: Receiver,
) -> None:
    caller = caller_on(store, tmp_path, AWAY)
    job = waiting("a", hanging.url)
    assert caller.take()
    eventually(lambda: not caller.under_way)
    kept = store.get_job(job.owner, job.id)
    assert kept is not None
    assert (kept.callback, kept.lease, kept.attempts) == ("waiting", "", 1)
    assert time.time() + 20 < kept.lease_until < time.time() + 31


def test_what_fails_here_is_begun_again_after_its_lease(
    store: SqliteStore,
    tmp_path: Path,
    waiting: Callable[..., StoredJob],
    answering: Receiver,
) -> None:
    told = threading.Event()
    settings = Settings(data_dir=tmp_path, fetch_allow=("127.0.0.1",), job_lease=60)
    caller = Caller(settings, store, lambda job: asdict(job)["nothing"], told.set)
    caller.start(threading.Event())
    job = waiting("a", answering.url)
    assert caller.take()
    assert told.wait(5)
    kept = store.get_job(job.owner, job.id)
    assert kept is not None
    assert (kept.callback, bool(kept.lease), caller.under_way) == ("waiting", True, ())
