"""Quota windows at the edges of days and months."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.licensing.windows import counters, day_and_month, retry_after
from tests.licensing.conftest import Switch
from tests.store.records import a_licence

LIMITED = a_licence(per_day=3, per_month=50)
moments = st.datetimes(datetime(2020, 1, 1), datetime(2099, 12, 31), timezones=st.just(UTC))


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("now", "day", "month", "day_ends", "month_ends"),
    [
        ("2026-11-21T12:00", "2026-11-21", "2026-11", "2026-11-22", "2026-12-01"),
        ("2026-11-30T23:59:59.9", "2026-11-30", "2026-11", "2026-12-01", "2026-12-01"),
        ("2026-12-01T00:00", "2026-12-01", "2026-12", "2026-12-02", "2027-01-01"),
        ("2026-12-31T23:59:59", "2026-12-31", "2026-12", "2027-01-01", "2027-01-01"),
        ("2028-02-28T08:00", "2028-02-28", "2028-02", "2028-02-29", "2028-03-01"),
        ("2028-02-29T08:00", "2028-02-29", "2028-02", "2028-03-01", "2028-03-01"),
        ("2027-01-31T08:00", "2027-01-31", "2027-01", "2027-02-01", "2027-02-01"),
    ],
)
def test_edges(now: str, day: str, month: str, day_ends: str, month_ends: str) -> None:
    daily, monthly = counters(LIMITED, at(now))
    assert (daily.key, daily.expires_at) == (f"{LIMITED.digest}:{day}", at(day_ends))
    assert (monthly.key, monthly.expires_at) == (f"{LIMITED.digest}:{month}", at(month_ends))


@given(moments)
def test_a_moment_is_inside_its_windows(moment: datetime) -> None:
    now = moment.timestamp()
    day, month = day_and_month(LIMITED, now)
    assert now < day.expires_at <= month.expires_at
    assert day.expires_at - now <= 86400
    assert month.expires_at - now <= 31 * 86400


@given(moments)
def test_windows_follow_each_other_without_a_gap(moment: datetime) -> None:
    for one, end in zip((0, 1), day_and_month(LIMITED, moment.timestamp()), strict=True):
        before, after = (
            day_and_month(LIMITED, end.expires_at + step)[one].key for step in (-0.5, 0)
        )
        assert before == end.key
        assert after != end.key


def test_only_what_has_a_limit_is_counted() -> None:
    assert counters(a_licence(per_day=None), at("2026-11-21")) == ()
    assert [c.limit for c in counters(a_licence(per_day=None, per_month=9), 0)] == [9]


def test_licences_do_not_share_counters() -> None:
    one, other = (counters(a_licence(digest), 0)[0].key for digest in ("one", "other"))
    assert one != other


def test_retry_after_names_the_window_that_is_full(store: Switch) -> None:
    now = at("2026-11-21T23:00")
    day, month = counters(LIMITED, now)
    store.take([day], 3)
    assert retry_after(store, (day, month), 1, now) == 3600
    store.take([month], 50)
    assert retry_after(store, (day, month), 1, now) == 3600 + 9 * 86400


def test_retry_after_is_never_zero(store: Switch) -> None:
    assert retry_after(store, counters(LIMITED, 0), 1, 0) == 1
    store.away = True
    assert retry_after(store, counters(LIMITED, 0), 1, 0) == 1
