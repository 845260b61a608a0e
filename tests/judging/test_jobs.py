"""Leases, reports and callbacks of jobs, without a service around them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.errors import AddressRefused, CallbackUnavailable
from service.judging.callbacks import Poster, Secrets
from service.judging.lease import Lease, LeaseLost, claim
from service.runtime.reporting import listening, report
from service.settings import Settings
from service.store.sqlite.store import SqliteStore
from tests.receiver import Receiver
from tests.servers import free_port
from tests.store.test_jobs import OWNER, added


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(tmp_path / "facegate.db", busy_timeout=30)
    yield opened
    opened.close()


def test_a_lease_is_renewed_with_the_progress_while_the_work_goes_on(store: SqliteStore) -> None:
    added(store)
    job = claim(store, "judging", 0.6)
    assert job is not None
    with Lease(store, job, 0.6) as lease, listening(lease.tell):
        report(0.4)
        time.sleep(1.5)
        assert claim(store, "judging", 0.6) is None
        found = store.get_job(OWNER, job.id)
        assert found is not None
        assert found.progress == 0.4
    time.sleep(0.8)
    again = claim(store, "judging", 0.6)
    assert again is not None
    assert (again.id, again.attempts) == (job.id, 2)


def test_work_on_a_withdrawn_job_ends_with_its_next_report(store: SqliteStore) -> None:
    added(store)
    job = claim(store, "judging", 0.3)
    assert job is not None
    with Lease(store, job, 0.3) as lease, listening(lease.tell):
        report(0.1)
        store.delete_job(OWNER, job.id)
        time.sleep(0.5)
        with pytest.raises(LeaseLost):
            report(0.2)


def test_a_report_that_nobody_listens_to_is_nothing() -> None:
    report(0.5)


def test_an_address_that_has_become_internal_is_not_posted_to(tmp_path: Path) -> None:
    with Receiver() as receiver:
        poster = Poster(Settings(data_dir=tmp_path), threading.Event())
        with pytest.raises(AddressRefused):
            poster.post(receiver.url, b"{}", dict)
    assert receiver.posts == receiver.refused == []


def test_a_redirect_is_not_followed(tmp_path: Path) -> None:
    with Receiver() as receiver:
        receiver.answers = [302]
        settings = Settings(data_dir=tmp_path, fetch_allow=("127.0.0.1",))
        with pytest.raises(Exception, match="status 302"):
            Poster(settings, threading.Event()).post(receiver.url, b"{}", dict)


def test_a_stop_ends_the_waiting_between_attempts(tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    settings = Settings(data_dir=tmp_path, fetch_allow=("127.0.0.1",), callback_attempts=50)
    before = time.monotonic()
    with pytest.raises(CallbackUnavailable):
        Poster(settings, stop).post(f"http://127.0.0.1:{free_port()}/", b"{}", dict)
    assert time.monotonic() - before < 5


def test_secrets_differ_by_licence_and_by_key(tmp_path: Path) -> None:
    one = Secrets(Settings(data_dir=tmp_path))
    assert one.of("a" * 64) == Secrets(Settings(data_dir=tmp_path)).of("a" * 64)
    other = Secrets(Settings(data_dir=tmp_path, callback_secret="another"))
    assert len({one.of("a" * 64), one.of("b" * 64), other.of("a" * 64)}) == 3
    assert one.of("a" * 64).startswith("whsec_")
