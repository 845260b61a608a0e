"""The store is away: who was seen lately goes on."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from service.errors import LicenceError, LicenceExpired, LicenceRevoked, StoreUnavailable
from service.licensing import Licensing
from service.licensing.digest import digest_key
from service.licensing.register import Register
from service.settings import Settings
from service.store import open_store
from tests.licensing.conftest import NOON, Clock, Switch
from tests.servers import MongoServer
from tests.store.records import eventually

HOUR = 3600


@pytest.fixture
def hash_id(licensing: Licensing, store: Switch) -> str:
    """Of a licence that was used a moment before the store went away."""
    fresh, _ = licensing.issue("Bank", per_day=5)
    licensing.authorise(fresh)
    store.away = True
    return fresh


def revoked(licensing: Licensing, store: Switch, settings: Settings) -> str:
    register = Register(store, digest_key(settings))  # type: ignore[arg-type]
    hash_id, licence = licensing.issue("Bank")
    register.revoke(licence)
    with pytest.raises(LicenceRevoked):
        licensing.authorise(hash_id)
    return hash_id


def test_a_licence_seen_lately_is_honoured(
    licensing: Licensing, hash_id: str, clock: Clock
) -> None:
    clock.turn(HOUR)
    grant = licensing.authorise(hash_id)
    assert grant.by_grace
    assert grant.owed == bool(grant.counters)
    licensing.refund(grant)  # nobody to give it back to: it is owed no more


def test_a_restarted_worker_honours_it(hash_id: str, restarted: Licensing, clock: Clock) -> None:
    clock.turn(HOUR)
    assert restarted.authorise(hash_id).by_grace


def test_grace_ends(
    licensing: Licensing, restarted: Licensing, hash_id: str, clock: Clock, settings: Settings
) -> None:
    clock.turn(settings.licence_grace - 1)
    assert licensing.authorise(hash_id).by_grace
    clock.turn(1)
    for worker in (licensing, restarted):
        with pytest.raises(StoreUnavailable):
            worker.authorise(hash_id)


def test_no_grace_when_the_setting_says_so(
    settings: Settings, store: Switch, clock: Clock, hash_id: str
) -> None:
    strict = settings.model_copy(update={"licence_grace": 0.0})
    with pytest.raises(StoreUnavailable):
        Licensing(strict, store, clock).authorise(hash_id)  # type: ignore[arg-type]


def test_it_is_no_longer_grace_once_the_store_is_back(
    licensing: Licensing, hash_id: str, store: Switch, clock: Clock
) -> None:
    clock.turn(HOUR)
    assert licensing.authorise(hash_id).by_grace
    store.away = False
    grant = licensing.authorise(hash_id)
    assert not grant.by_grace
    assert len(grant.counters) == 1


def test_a_licence_that_expires_during_an_outage_is_refused(
    licensing: Licensing, store: Switch, clock: Clock
) -> None:
    hash_id, _ = licensing.issue("Bank", expires_at=NOON + HOUR)
    licensing.authorise(hash_id)
    store.away = True
    clock.turn(HOUR)
    with pytest.raises(LicenceExpired):
        licensing.authorise(hash_id)


def test_a_revoked_licence_stays_refused(
    licensing: Licensing, store: Switch, settings: Settings, clock: Clock, restarted: Licensing
) -> None:
    hash_id = revoked(licensing, store, settings)
    store.away = True
    clock.turn(settings.licence_grace * 2)
    for worker in (licensing, restarted):
        with pytest.raises(LicenceRevoked):
            worker.authorise(hash_id)


def test_a_licence_that_the_store_has_lost_gets_no_grace(
    licensing: Licensing, store: Switch, clock: Clock, settings: Settings, restarted: Licensing
) -> None:
    hash_id, _ = licensing.issue("Bank")
    licensing.authorise(hash_id)
    (settings.data_dir / "facegate.db").rename(settings.data_dir / "gone.db")
    store.store.close()
    clock.turn(HOUR)
    with pytest.raises(LicenceError):
        licensing.authorise(hash_id)
    store.away = True
    for worker in (licensing, restarted):
        clock.turn(HOUR)
        with pytest.raises(StoreUnavailable):
            worker.authorise(hash_id)


def test_a_count_that_cannot_be_kept_turns_nobody_away(licensing: Licensing, store: Switch) -> None:
    """The licence is fresh in the cache; only `take` finds the store away."""
    hash_id, _ = licensing.issue("Bank", per_day=1)
    licensing.authorise(hash_id)
    store.away = True
    assert licensing.authorise(hash_id).by_grace


def test_a_refund_to_a_store_that_went_away_does_not_raise(
    licensing: Licensing, store: Switch
) -> None:
    grant = licensing.authorise(licensing.issue("Bank", per_day=1)[0])
    store.away = True
    licensing.refund(grant)


@pytest.mark.parametrize("content", [b"", b"{", b'{"licence": 5, "at": 1}', b"\xff" * 99])
def test_a_damaged_memory_is_no_memory(
    restarted: Licensing, hash_id: str, settings: Settings, content: bytes
) -> None:
    for path in (settings.data_dir / "grace").iterdir():
        path.write_bytes(content)
    with pytest.raises(StoreUnavailable):
        restarted.authorise(hash_id)


def test_the_memory_holds_digests_only(settings: Settings, hash_id: str) -> None:
    (file,) = (settings.data_dir / "grace").iterdir()
    seen = json.loads(file.read_text())
    assert file.stem == seen["licence"]["digest"]
    assert hash_id not in file.read_text()


def test_a_full_disk_turns_nobody_away(licensing: Licensing, settings: Settings) -> None:
    (settings.data_dir / "grace").write_text("a file where the folder should be")
    assert licensing.authorise(licensing.issue("Bank")[0])


def test_the_memory_is_not_written_with_every_request(
    licensing: Licensing, settings: Settings, clock: Clock
) -> None:
    hash_id, licence = licensing.issue("Bank")
    file = settings.data_dir / "grace" / f"{licence.digest}.json"
    times = []
    for _ in range(3):
        licensing.authorise(hash_id)
        times.append(os.stat(file).st_ino)  # a new file replaces the old one
        clock.turn(31)
    assert times[0] == times[1] != times[2]


def test_health_tells_of_the_grace(licensing: Licensing, hash_id: str, clock: Clock) -> None:
    status = licensing.status()
    assert status.by_grace
    assert status.days_left == {"Bank": None}


def test_with_a_real_mongodb_that_is_killed_and_comes_back(tmp_path: Path) -> None:
    with MongoServer(tmp_path / "mongo") as server:
        fast: dict[str, Any] = {"store_timeout": 2.0, "store_retry": 0.1, "licence_cache": 0.0}
        settings = Settings(data_dir=tmp_path, store="mongo", mongodb_uri=server.uri, **fast)
        store = open_store(settings)
        licensing = Licensing(settings, store)
        hash_id, _ = licensing.issue("Bank", per_day=100)
        assert not licensing.authorise(hash_id).by_grace
        server.kill()
        assert licensing.authorise(hash_id).by_grace
        with pytest.raises(StoreUnavailable):
            licensing.authorise("fg_never_seen")
        assert licensing.status().by_grace
        server.start()
        eventually(lambda: not licensing.authorise(hash_id).by_grace)
        store.close()
