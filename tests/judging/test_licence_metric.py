"""How long licences hold, as a metric of several workers."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from service.errors import StoreUnavailable
from service.judging.housekeeping import Housekeeping
from service.licensing import Licensing
from service.licensing.digest import digest_key
from service.licensing.register import Register
from service.runtime import metrics
from service.settings import Settings
from service.store import open_store
from tests.live import Live
from tests.waiting import eventually

DAY = 86400
SERIES = re.compile(r'^facegate_licence_days_left\{licence="(.+)"\} (\S+)$', re.M)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    folder = tmp_path_factory.mktemp("licences")
    with Live(folder, probability=0.2, workers=2, watchful=True) as live:
        yield live


def told(live: Live) -> dict[str, int]:
    """Days by licence."""
    return {name: round(float(n)) for name, n in SERIES.findall(live.get("/metrics").text)}


def revoke(settings: Settings, licensing: Licensing, hash_id: str) -> None:
    licence = Register(licensing._store, digest_key(settings)).by_hash_id(hash_id)
    assert licence is not None
    licensing.revoke(licence.digest)


def test_a_renewed_licence_is_told_though_a_worker_died_with_the_old_one(two: Live) -> None:
    two.issue(name="Renewed", expires_at=time.time() + 10 * DAY)
    eventually(lambda: told(two).get("Renewed") == 10)
    for worker in psutil.Process(two.process.pid).children():
        worker.kill()
        worker.wait(10)
    two.session.close()
    two.issue(name="Renewed", expires_at=time.time() + 365 * DAY)
    two.wait()
    eventually(lambda: told(two).get("Renewed") == 365)


def test_a_revoked_licence_is_told_no_more_and_one_of_its_name_is(two: Live) -> None:
    hash_id = two.issue(name="Revoked", expires_at=time.time() + 10 * DAY)
    eventually(lambda: told(two).get("Revoked") == 10)
    revoke(two.settings, two.licensing, hash_id)
    eventually(lambda: "Revoked" not in told(two))
    two.issue(name="Revoked", expires_at=time.time() + 20 * DAY)
    eventually(lambda: told(two).get("Revoked") == 20)


def test_one_that_holds_for_ever_now_is_told_no_more(two: Live) -> None:
    two.issue(name="Endless", expires_at=time.time() + 10 * DAY)
    eventually(lambda: told(two).get("Endless") == 10)
    two.issue(name="Endless")
    eventually(lambda: "Endless" not in told(two))


def test_in_one_process_and_while_the_store_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(store="sqlite", data_dir=tmp_path)
    store = open_store(settings)
    licensing = Licensing(settings, store)
    hash_id, _ = licensing.issue("Alone", expires_at=time.time() + 10 * DAY)
    keeper = Housekeeping(store, licensing)
    keeper._refresh()
    revoke(settings, licensing, hash_id)
    for away in True, False:
        with monkeypatch.context() as patch:
            if away:
                patch.setattr(licensing._register, "all", fail)
            licensing._status = None
            keeper._refresh()
        assert ("Alone" in metrics.exposition().decode()) == away


def fail() -> None:
    raise StoreUnavailable
