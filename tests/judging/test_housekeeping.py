"""What a worker does beside answering."""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path

import pytest

from service.judging.housekeeping import Housekeeping
from service.licensing import Licensing
from service.runtime import metrics
from service.settings import Settings
from service.store import open_store
from service.store.base import StoredResult
from tests.waiting import eventually


def result(expires_at: float) -> StoredResult:
    return StoredResult("r", "l", "s", "f", 1.0, expires_at, {})


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(store="sqlite", data_dir=tmp_path)


def test_what_expired_is_purged(settings: Settings) -> None:
    store = open_store(settings)
    store.put_result(result(expires_at=2.0))
    Housekeeping(store, Licensing(settings, store)).start()
    with sqlite3.connect(settings.data_dir / "facegate.db") as file:
        count = "SELECT count(*) FROM results"
        assert eventually(lambda: file.execute(count).fetchone()[0] == 0)


def test_days_left_of_a_licence_become_a_metric(settings: Settings) -> None:
    store = open_store(settings)
    licensing = Licensing(settings, store)
    licensing.issue("Bank of Examples", expires_at=time.time() + 10.5 * 86400)
    Housekeeping(store, licensing).start()
    gauge = metrics.LICENCE_DAYS_LEFT.labels("Bank of Examples")
    assert eventually(lambda: round(gauge._value.get(), 1) == 10.5)


def test_a_store_that_cannot_be_read_shows(settings: Settings) -> None:
    (settings.data_dir / "facegate.db").mkdir()
    store = open_store(settings)
    metrics.STORE_UP.set(1)
    Housekeeping(store, Licensing(settings, store)).start()
    assert eventually(lambda: metrics.STORE_UP._value.get() == 0)


def test_one_thread_a_process(settings: Settings) -> None:
    store = open_store(settings)
    keeper = Housekeeping(store, Licensing(settings, store))
    before = threading.active_count()
    keeper.start()
    keeper.start()
    assert threading.active_count() == before + 1
