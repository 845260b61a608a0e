"""Who is let in, who is not, and what the refusal says."""

from __future__ import annotations

import hmac
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from service.errors import (
    FeatureNotLicensed,
    LicenceError,
    LicenceExpired,
    LicenceRevoked,
    QuotaExceeded,
    StoreUnavailable,
)
from service.licensing import Licensing
from service.licensing.digest import digest_key
from service.licensing.register import Register
from service.settings import Settings
from tests.licensing.conftest import NOON, Clock, Switch


def issued(licensing: Licensing, **terms: Any) -> str:
    return licensing.issue("Bank", **terms)[0]


def revoke(settings: Settings, store: Switch, hash_id: str) -> None:
    """As the command line in another process does."""
    register = Register(store, digest_key(settings))  # type: ignore[arg-type]
    licence = register.by_hash_id(hash_id)
    assert licence is not None
    register.revoke(licence)


def test_a_licence_lets_in(licensing: Licensing) -> None:
    grant = licensing.authorise(issued(licensing), "explain")
    assert grant.licence.name == "Bank"
    assert (grant.counters, grant.amount, grant.by_grace) == ((), 1, False)


@pytest.mark.parametrize("hash_id", ["fg_nobody", "", "a\0b", "x" * 513, "\ud800"], ids=repr)
def test_an_unknown_hash_id_is_401(licensing: Licensing, hash_id: str) -> None:
    with pytest.raises(LicenceError) as caught:
        licensing.authorise(hash_id)
    assert (caught.value.status, caught.value.code) == (401, "LICENCE_UNKNOWN")


def test_junk_never_reaches_the_store(licensing: Licensing, store: Switch) -> None:
    with pytest.raises(LicenceError):
        licensing.authorise("x" * 513)
    assert store.calls == []


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.text())
def test_no_text_at_all_breaks_it(licensing: Licensing, text: str) -> None:
    with pytest.raises(LicenceError):
        licensing.authorise(text)


def test_a_revoked_licence_is_403(
    licensing: Licensing, store: Switch, settings: Settings, clock: Clock
) -> None:
    hash_id = issued(licensing)
    licensing.authorise(hash_id)
    revoke(settings, store, hash_id)
    licensing.authorise(hash_id)  # trusted for seconds
    clock.turn(settings.licence_cache)
    with pytest.raises(LicenceRevoked) as caught:
        licensing.authorise(hash_id)
    assert (caught.value.status, caught.value.code) == (403, "LICENCE_REVOKED")


def test_a_licence_that_expires_in_mid_run_is_403(licensing: Licensing, clock: Clock) -> None:
    hash_id = issued(licensing, expires_at=NOON + 2)
    licensing.authorise(hash_id)
    clock.turn(1.9)
    licensing.authorise(hash_id)
    clock.turn(0.1)  # well within the cache's seconds
    with pytest.raises(LicenceExpired) as caught:
        licensing.authorise(hash_id)
    assert (caught.value.status, caught.value.code) == (403, "LICENCE_EXPIRED")


def test_a_feature_that_is_not_licensed_is_403(licensing: Licensing) -> None:
    hash_id = issued(licensing, features=("detect",))
    licensing.authorise(hash_id, "detect")
    for feature in ("explain", "batch", "history"):
        with pytest.raises(FeatureNotLicensed) as caught:
            licensing.authorise(hash_id, feature)  # type: ignore[arg-type]
    assert (caught.value.status, caught.value.code) == (403, "FEATURE_NOT_LICENSED")


def test_revoked_is_said_before_expired(
    licensing: Licensing, store: Switch, settings: Settings
) -> None:
    hash_id = issued(licensing, expires_at=NOON - 1)
    revoke(settings, store, hash_id)
    with pytest.raises(LicenceRevoked):
        licensing.authorise(hash_id)


def test_a_used_up_quota_is_429_until_midnight(licensing: Licensing, clock: Clock) -> None:
    hash_id = issued(licensing, per_day=2)
    clock.at(2026, 11, 21, 23, 59)
    licensing.authorise(hash_id)
    licensing.authorise(hash_id)
    with pytest.raises(QuotaExceeded) as caught:
        licensing.authorise(hash_id)
    assert (caught.value.status, caught.value.code) == (429, "QUOTA_EXCEEDED")
    assert caught.value.retry_after == 60
    clock.turn(60)
    assert licensing.authorise(hash_id)


def test_a_month_outlasts_its_days(licensing: Licensing, clock: Clock) -> None:
    hash_id = issued(licensing, per_day=2, per_month=3)
    clock.at(2026, 11, 29, 12)
    licensing.authorise(hash_id, amount=2)
    clock.turn(86400)
    licensing.authorise(hash_id)
    with pytest.raises(QuotaExceeded) as caught:
        licensing.authorise(hash_id)
    assert caught.value.retry_after == 12 * 3600
    clock.at(2026, 12, 1)
    assert licensing.authorise(hash_id)


def test_a_batch_counts_its_images_or_nothing(licensing: Licensing) -> None:
    hash_id = issued(licensing, per_day=10)
    licensing.authorise(hash_id, "batch", amount=8)
    with pytest.raises(QuotaExceeded):
        licensing.authorise(hash_id, "batch", amount=3)
    licensing.authorise(hash_id, "batch", amount=2)


def test_a_refusal_costs_nothing(licensing: Licensing) -> None:
    hash_id = issued(licensing, per_day=1, features=("detect",))
    with pytest.raises(FeatureNotLicensed):
        licensing.authorise(hash_id, "batch")
    assert licensing.authorise(hash_id)


def test_a_refund_gives_back(licensing: Licensing) -> None:
    hash_id = issued(licensing, per_day=4)
    grant = licensing.authorise(hash_id, amount=4)
    licensing.refund(grant, 1)
    assert licensing.authorise(hash_id)
    licensing.refund(grant)
    assert licensing.authorise(hash_id, amount=4)


def test_a_refund_goes_to_the_window_it_was_taken_from(licensing: Licensing, clock: Clock) -> None:
    hash_id = issued(licensing, per_day=1)
    clock.at(2026, 11, 21, 23, 59, 59)
    yesterday = licensing.authorise(hash_id)
    clock.turn(2)
    licensing.authorise(hash_id)
    licensing.refund(yesterday)
    with pytest.raises(QuotaExceeded):
        licensing.authorise(hash_id)


def test_threads_never_pass_the_quota(licensing: Licensing) -> None:
    hash_id = issued(licensing, per_day=20)
    start = threading.Barrier(4)

    def ask(_: int) -> int:
        start.wait()
        return sum(_granted(licensing, hash_id) for _ in range(10))

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(ask, range(4))) == 20


def test_the_store_is_asked_once_in_the_cache_seconds(
    licensing: Licensing, store: Switch, settings: Settings, clock: Clock
) -> None:
    hash_id = issued(licensing)
    store.calls.clear()
    for _ in range(3):
        licensing.authorise(hash_id)
    assert store.calls.count("get_licence") == 1
    clock.turn(settings.licence_cache)
    licensing.authorise(hash_id)
    assert store.calls.count("get_licence") == 2


def test_guessing_does_not_hammer_the_store_nor_hide_a_new_licence(
    licensing: Licensing, store: Switch, settings: Settings, clock: Clock
) -> None:
    register = Register(store, digest_key(settings))  # type: ignore[arg-type]
    for _ in range(5):
        assert not _granted(licensing, "fg_soon")
    assert store.calls.count("get_licence") == 1
    from service.licensing.terms import Terms

    register.issue(Terms(name="Late"), "fg_soon")
    clock.turn(1)
    assert licensing.authorise("fg_soon").licence.name == "Late"


def test_a_clock_that_is_set_back_does_not_freeze_the_cache(
    licensing: Licensing, store: Switch, settings: Settings, clock: Clock
) -> None:
    hash_id = issued(licensing)
    licensing.authorise(hash_id)
    revoke(settings, store, hash_id)
    clock.turn(-3600)
    with pytest.raises(LicenceRevoked):
        licensing.authorise(hash_id)


def test_digests_are_compared_in_constant_time(licensing: Licensing) -> None:
    hash_id, licence = licensing.issue("Bank")
    with patch.object(hmac, "compare_digest", wraps=hmac.compare_digest) as compare:
        licensing.authorise(hash_id)
    compare.assert_called_once_with(licence.digest, licence.digest)


def test_a_store_that_answers_with_another_licence_is_not_believed(
    licensing: Licensing, store: Switch
) -> None:
    _, other = licensing.issue("Other")
    with (
        patch.object(store.store, "get_licence", lambda digest: other),
        pytest.raises(LicenceError) as caught,
    ):
        licensing.authorise("fg_mine")
    assert caught.value.code == "LICENCE_UNKNOWN"


def test_a_licence_holds_only_under_its_installation_key(
    licensing: Licensing, store: Switch, settings: Settings, clock: Clock
) -> None:
    other = settings.model_copy(update={"digest_key": _secret("another installation")})
    hash_id = issued(licensing)
    with pytest.raises(LicenceError):
        Licensing(other, store, clock).authorise(hash_id)  # type: ignore[arg-type]


def test_never_seen_and_store_away_is_503(licensing: Licensing, store: Switch) -> None:
    store.away = True
    with pytest.raises(StoreUnavailable) as caught:
        licensing.authorise("fg_somebody")
    assert (caught.value.status, caught.value.code) == (503, "STORE_UNAVAILABLE")


def _granted(licensing: Licensing, hash_id: str) -> bool:
    try:
        return bool(licensing.authorise(hash_id))
    except LicenceError:
        return False


def _secret(text: str) -> Any:
    from pydantic import SecretStr

    return SecretStr(text)
