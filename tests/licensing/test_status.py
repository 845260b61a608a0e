"""Licences in short, for health and metrics."""

from __future__ import annotations

from service.licensing import LicenceStatus, Licensing
from service.licensing.status import DAY, summarise
from service.store.base import LicenceRecord
from tests.licensing.conftest import NOON, Clock, Switch
from tests.store.records import a_licence


def status(*licences: LicenceRecord) -> LicenceStatus:
    return summarise(licences, NOON, by_grace=False)


def test_no_licence() -> None:
    assert status() == LicenceStatus({}, None, by_grace=False)


def test_days_and_the_earliest_end() -> None:
    found = status(
        a_licence("1", name="A", expires_at=NOON + 3 * DAY),
        a_licence("2", name="B", expires_at=NOON + DAY / 2),
        a_licence("3", name="C"),
    )
    assert found.days_left == {"A": 3, "B": 0.5, "C": None}
    assert found.earliest_end == NOON + DAY / 2


def test_an_expired_licence_shows_but_is_no_longer_the_next_to_end() -> None:
    found = status(
        a_licence("1", name="Old", expires_at=NOON - DAY),
        a_licence("2", name="New", expires_at=NOON + DAY),
    )
    assert found.days_left == {"Old": -1, "New": 1}
    assert found.earliest_end == NOON + DAY


def test_a_renewed_licence_counts_once_by_its_later_end() -> None:
    ends = (NOON + DAY, NOON + 9 * DAY, NOON + 2 * DAY)
    found = status(*(a_licence(str(end), name="A", expires_at=end) for end in ends))
    assert found.days_left == {"A": 9}
    assert found.earliest_end == NOON + 9 * DAY


def test_without_end_is_later_than_any_end() -> None:
    for ends in ((None, NOON), (NOON, None)):
        found = status(*(a_licence(str(end), name="A", expires_at=end) for end in ends))
        assert found.days_left == {"A": None}


def test_revoked_licences_do_not_count() -> None:
    assert status(a_licence(expires_at=NOON + DAY, revoked_at=NOON)).days_left == {}


def test_it_is_read_from_the_store_every_few_seconds(
    licensing: Licensing, store: Switch, clock: Clock
) -> None:
    licensing.issue("A", expires_at=NOON + DAY)
    assert licensing.status().days_left == {"A": 1}
    licensing.issue("B")
    assert licensing.status().days_left == {"A": 1}
    clock.turn(5)
    assert set(licensing.status().days_left) == {"A", "B"}
    assert store.calls.count("list_licences") == 2


def test_it_never_raises(licensing: Licensing, store: Switch) -> None:
    store.away = True
    assert licensing.status() == LicenceStatus({}, None, by_grace=True)


def test_grace_ends_with_the_outage(licensing: Licensing, store: Switch, clock: Clock) -> None:
    store.away = True
    assert licensing.status().by_grace
    store.away = False
    clock.turn(5)
    assert not licensing.status().by_grace
