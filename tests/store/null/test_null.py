"""The store that remembers nothing, but still counts within its process."""

from __future__ import annotations

from service.store.null.store import NullStore
from tests.store.records import a_counter, a_licence, a_result, in_processes


def test_no_result_is_kept() -> None:
    store, result = NullStore(), a_result()
    store.put_result(result)
    assert store.find_result(result.licence, result.sha256, result.fingerprint) is None
    assert store.get_result(result.licence, result.id) is None
    assert store.list_results(result.licence, 10) == []
    assert store.purge(1e12) == 0


def test_quotas_hold_within_the_process() -> None:
    store, quota = NullStore(), [a_counter("month", None), a_counter("day", 2)]
    assert [store.take(quota) for _ in range(3)] == [True, True, False]
    store.give_back(quota, 5)
    assert (store.usage("month"), store.usage("day")) == (0, 0)


def test_expired_counters_are_forgotten() -> None:
    store = NullStore()
    store.take([a_counter("old", expires_at=10.0), a_counter("new", expires_at=30.0)])
    store.purge(20.0)
    assert (store.usage("old"), store.usage("new")) == (0, 1)


def test_licences_live_in_the_process() -> None:
    store = NullStore()
    store.put_licence(a_licence("b", issued_at=2.0))
    store.put_licence(a_licence("a", issued_at=1.0))
    assert store.get_licence("a") == a_licence("a", issued_at=1.0)
    assert [each.digest for each in store.list_licences()] == ["a", "b"]


def test_each_worker_counts_for_itself() -> None:
    """A limit of this store, told in its docstring."""
    store = NullStore()
    in_processes(1, lambda _: store.take([a_counter()]) or None)
    assert store.usage("digest/day") == 0
