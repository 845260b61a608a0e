"""Uses that cannot be counted, and clocks that cannot be believed."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.errors import LicenceExpired, QuotaExceeded, StoreUnavailable
from service.licensing import Licensing, clock
from service.settings import Settings
from service.store.base import Store
from service.store.resilient.spool import Spool
from service.store.resilient.store import ResilientStore
from service.store.sqlite.store import SqliteStore
from tests.licensing.conftest import Clock, Switch

DAY = 86400.0


def used(store: Switch) -> int:
    return max(
        store.store.usage(key)
        for key in (f"{one.digest}:2026-11-21" for one in store.store.list_licences())
    )


def test_what_was_granted_while_away_is_counted_when_the_store_is_back(
    licensing: Licensing, store: Switch
) -> None:
    hash_id, _ = licensing.issue("Bank", per_day=3)
    licensing.authorise(hash_id)
    store.away = True
    grants = [licensing.authorise(hash_id) for _ in range(4)]
    licensing.refund(grants[0])  # this one came to nothing
    store.away = False
    licensing.authorise(hash_id)
    assert used(store) == 5
    with pytest.raises(QuotaExceeded):
        licensing.authorise(hash_id)


def test_housekeeping_counts_it_where_nobody_asks_again(
    licensing: Licensing, store: Switch
) -> None:
    hash_id, _ = licensing.issue("Bank", per_day=3)
    licensing.authorise(hash_id)
    store.away = True
    licensing.authorise(hash_id)
    licensing.settle()
    store.away = False
    licensing.settle()
    licensing.settle()
    assert used(store) == 2


@pytest.mark.parametrize("away", [True, False])
def test_strict_refuses_what_is_limited_and_nothing_else(
    settings: Settings, store: Switch, clock: Clock, away: bool
) -> None:
    strict = settings.model_copy(update={"quota": "strict"})
    licensing = Licensing(strict, store, clock)  # type: ignore[arg-type]
    limited, _ = licensing.issue("Bank", per_day=9)
    free, _ = licensing.issue("Free")
    for hash_id in (limited, free):
        licensing.authorise(hash_id)
    store.away = away
    assert licensing.authorise(free)
    if away:
        with pytest.raises(StoreUnavailable):
            licensing.authorise(limited)
    else:
        assert licensing.authorise(limited)


def test_both_stores_keep_the_same_policy(tmp_path: Path, clock: Clock) -> None:
    """A MongoDB that is away: the spool keeps the count, or the use is refused."""
    for policy, granted in (("lenient", True), ("strict", False)):
        settings = Settings(data_dir=tmp_path / policy, quota=policy)  # type: ignore[arg-type]
        primary = Switch(SqliteStore(tmp_path / policy / "facegate.db"))
        spool = Spool(tmp_path / policy / "spool.db")
        store: Store = ResilientStore(
            primary,
            spool,
            retry=60,
            strict=policy == "strict",  # type: ignore[arg-type]
        )
        primary.prepare = lambda: None  # type: ignore[attr-defined]
        licensing = Licensing(settings, store, clock)
        hash_id, _ = licensing.issue("Bank", per_day=9)
        licensing.authorise(hash_id)
        primary.away = True
        if granted:
            assert licensing.authorise(hash_id)
            assert spool.pending() == 1
        else:
            with pytest.raises(StoreUnavailable):
                licensing.authorise(hash_id)
            assert spool.pending() == 0


def test_a_clock_that_is_set_back_revives_nothing(
    licensing: Licensing, settings: Settings, store: Switch, clock: Clock
) -> None:
    hash_id, _ = licensing.issue("Bank", expires_at=clock.now + DAY, per_day=1)
    licensing.authorise(hash_id)
    clock.turn(2 * DAY)
    licensing.settle()  # as housekeeping does
    with pytest.raises(LicenceExpired):
        licensing.authorise(hash_id)
    clock.turn(-3 * DAY)
    for worker in (licensing, Licensing(settings, store, clock)):  # type: ignore[arg-type]
        with pytest.raises(LicenceExpired):
            worker.authorise(hash_id)
        assert "hours behind" in worker.notices()[0]


def test_a_clock_that_is_set_back_gives_no_fresh_quota(licensing: Licensing, clock: Clock) -> None:
    hash_id, _ = licensing.issue("Bank", per_day=1)
    licensing.authorise(hash_id)
    licensing.settle()
    clock.turn(-5 * DAY)
    with pytest.raises(QuotaExceeded):
        licensing.authorise(hash_id)


def test_a_clock_that_was_ahead_is_forgotten_on_demand(
    licensing: Licensing, settings: Settings, store: Switch, clock: Clock
) -> None:
    hash_id, _ = licensing.issue("Bank", expires_at=clock.now + DAY)
    clock.turn(400 * DAY)
    licensing.settle()
    clock.turn(-400 * DAY)
    reset_to(store, clock.now)
    worker = Licensing(settings, store, clock)  # type: ignore[arg-type]
    assert worker.authorise(hash_id)
    assert worker.notices() == []


def reset_to(store: Switch, now: float) -> None:
    clock.reset(store, now)  # type: ignore[arg-type]


def test_clocks_that_differ_a_little_are_left_alone(licensing: Licensing, clock: Clock) -> None:
    licensing.settle()
    clock.turn(-200)
    assert licensing.notices() == []
