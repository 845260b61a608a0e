"""What every store that remembers must do, whatever lies below."""

from __future__ import annotations

import time
from dataclasses import replace
from threading import Thread
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.store.base import FEATURES, LicenceRecord, Store, StoredResult
from tests.store.records import a_counter, a_licence, a_result, in_processes

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
NAME = TEXT.filter(bool)
TIME = st.floats(0, 4e9)
HEX = st.from_regex(r"[0-9a-f]{64}", fullmatch=True)
KEY = st.from_regex(r"[a-z_]{1,12}", fullmatch=True)
LEAF = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT
FINITE = st.floats(allow_nan=False, allow_infinity=False)
ANALYSIS = st.dictionaries(
    KEY,
    st.recursive(
        LEAF | FINITE, lambda inner: st.lists(inner) | st.dictionaries(KEY, inner), max_leaves=8
    ),
    max_size=5,
)
RESULTS = st.builds(
    StoredResult,
    id=st.just(""),
    licence=NAME,
    sha256=HEX,
    fingerprint=NAME,
    created_at=TIME,
    expires_at=st.floats(4e9, 9e9),
    analysis=ANALYSIS,
    image=st.none() | st.binary(max_size=200),
)
LICENCES = st.builds(
    LicenceRecord,
    digest=HEX,
    name=TEXT,
    issued_at=TIME,
    expires_at=st.none() | TIME,
    per_day=st.none() | st.integers(0, 2**40),
    per_month=st.none() | st.integers(0, 2**40),
    features=st.lists(st.sampled_from(FEATURES)).map(tuple),
    revoked_at=st.none() | TIME,
    source=st.sampled_from(["issued", "file"]),
)
property_test = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@property_test
@given(result=RESULTS)
def test_a_result_comes_back_as_it_was(store: Store, result: StoredResult) -> None:
    unique = replace(result, id=uuid4().hex)
    store.put_result(unique)
    assert store.get_result(unique.licence, unique.id) == unique


@property_test
@given(licence=LICENCES)
def test_a_licence_comes_back_as_it_was(store: Store, licence: LicenceRecord) -> None:
    store.put_licence(licence)
    assert store.get_licence(licence.digest) == licence


def test_it_answers_a_ping(store: Store) -> None:
    store.ping()


def test_unknown_things_are_none(store: Store) -> None:
    assert store.get_licence("nobody") is None
    assert store.get_result("digest", "no such id") is None
    assert store.find_result("digest", "no such sha", "model-1") is None
    assert store.list_results("nobody", 10) == []
    assert store.usage("no such key") == 0


def test_a_licence_is_replaced_by_digest(store: Store) -> None:
    store.put_licence(a_licence(name="before"))
    store.put_licence(a_licence(name="after", revoked_at=9.0))
    assert [each.name for each in store.list_licences()] == ["after"]


def test_licences_are_listed_oldest_first(store: Store) -> None:
    for digest, issued_at in [("b" * 64, 2.0), ("c" * 64, 3.0), ("a" * 64, 1.0)]:
        store.put_licence(a_licence(digest, issued_at=issued_at))
    assert [each.digest for each in store.list_licences()] == ["a" * 64, "b" * 64, "c" * 64]


def test_a_mark_only_rises(store: Store) -> None:
    mark = a_counter("mark", None)
    assert [store.advance(mark, value) for value in (5, 3, 9, 9, 1)] == [5, 5, 9, 9, 9]
    assert store.usage("mark") == 9
    store.give_back([mark], 4)
    assert store.advance(mark, 1) == 5


def test_the_same_id_again_changes_nothing(store: Store) -> None:
    first = a_result()
    store.put_result(first)
    store.put_result(a_result(id=first.id, analysis={"score": 1.0}))
    assert store.list_results("digest", 10) == [first]


def test_a_result_belongs_to_its_licence(store: Store) -> None:
    result = a_result(licence="mine")
    store.put_result(result)
    assert store.get_result("yours", result.id) is None
    assert store.list_results("yours", 10) == []


def test_the_cache_answers_with_the_newest_of_one_licence_alone(store: Store) -> None:
    newest, others = a_result(created_at=3.0), a_result(licence="two", created_at=4.0)
    for result in (a_result(created_at=2.0), newest, others, a_result(created_at=1.0)):
        store.put_result(result)
    assert store.find_result("digest", newest.sha256, "model-1") == newest
    assert store.find_result("two", newest.sha256, "model-1") == others
    assert store.find_result("three", newest.sha256, "model-1") is None


def test_the_cache_knows_bytes_and_model_apart(store: Store) -> None:
    store.put_result(a_result(sha256="aa" * 32, fingerprint="model-1"))
    assert store.find_result("digest", "aa" * 32, "model-2") is None
    assert store.find_result("digest", "bb" * 32, "model-1") is None


def test_an_expired_result_is_gone_for_every_reader(store: Store) -> None:
    result = a_result(created_at=1.0, expires_at=time.time() - 1)
    store.put_result(result)
    assert store.get_result("digest", result.id) is None
    assert store.find_result("digest", result.sha256, "model-1") is None
    assert store.list_results("digest", 10) == []


def test_a_result_expires_by_the_clock(store: Store) -> None:
    result = a_result(expires_at=time.time() + 0.5)
    store.put_result(result)
    assert store.get_result("digest", result.id) is not None
    time.sleep(0.6)
    assert store.get_result("digest", result.id) is None


def test_purge_deletes_what_has_expired_and_says_how_much(store: Store) -> None:
    now = time.time()
    for age in (10, 20, 500):
        store.put_result(a_result(id=str(age), expires_at=now + age))
    store.take([a_counter("short", expires_at=now + 10), a_counter("long", expires_at=now + 500)])
    assert store.purge(now + 100) == 2
    assert [each.id for each in store.list_results("digest", 10)] == ["500"]
    assert (store.usage("short"), store.usage("long")) == (0, 1)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_pages_leave_nothing_out_and_repeat_nothing(store: Store, size: int) -> None:
    made = [a_result(id=f"id-{n}", created_at=float(n // 3)) for n in range(10)]  # three alike
    for result in [*made, a_result(licence="another")]:
        store.put_result(result)
    seen: list[StoredResult] = []
    before = None
    while page := store.list_results("digest", size, before):
        assert len(page) <= size
        seen += page
        before = (page[-1].created_at, page[-1].id)
    assert seen == sorted(made, key=lambda each: (each.created_at, each.id), reverse=True)


def test_a_quota_is_used_up_and_not_passed(store: Store) -> None:
    quota = [a_counter(limit=3)]
    assert [store.take(quota) for _ in range(5)] == [True, True, True, False, False]
    assert store.usage("digest/day") == 3


def test_an_amount_fits_as_a_whole_or_not_at_all(store: Store) -> None:
    quota = [a_counter(limit=5)]
    assert not store.take(quota, 6)
    assert store.take(quota, 3)
    assert not store.take(quota, 3)
    assert store.take(quota, 2)
    assert store.usage("digest/day") == 5


def test_a_limit_of_zero_refuses_everybody(store: Store) -> None:
    assert not store.take([a_counter(limit=0)])


def test_no_limit_counts_without_refusing(store: Store) -> None:
    assert all(store.take([a_counter(limit=None)], 100) for _ in range(3))
    assert store.usage("digest/day") == 300


@pytest.mark.parametrize("full_first", [True, False])
def test_one_full_counter_leaves_the_others_untouched(store: Store, full_first: bool) -> None:
    month, day = a_counter("month", 100), a_counter("day", 1)
    order = [day, month] if full_first else [month, day]
    assert store.take(order)
    assert not store.take(order)
    assert (store.usage("month"), store.usage("day")) == (1, 1)


def test_what_is_given_back_can_be_taken_again(store: Store) -> None:
    quota = [a_counter(limit=2)]
    store.take(quota, 2)
    store.give_back(quota)
    assert store.usage("digest/day") == 1
    assert store.take(quota)


def test_giving_back_too_much_ends_at_zero(store: Store) -> None:
    quota = [a_counter(limit=2)]
    store.take(quota)
    store.give_back(quota, 5)
    assert store.usage("digest/day") == 0
    store.give_back([a_counter("never taken")])
    assert store.usage("never taken") == 0


def test_no_counters_are_no_limit(store: Store) -> None:
    assert store.take([])


def test_workers_together_take_exactly_the_quota(store: Store) -> None:
    """The store was used before the fork, too: a worker must not share the parent's connection."""
    day, month = a_counter("day", 50), a_counter("month", 1000)
    assert store.take([day, month])

    def work(number: int) -> None:
        taken = sum(store.take([day, month]) for _ in range(30))
        store.take([a_counter("total", None)], taken)

    in_processes(4, work)
    assert store.usage("total") == 49
    assert (store.usage("day"), store.usage("month")) == (50, 50)


@pytest.mark.slow
def test_workers_may_race_to_make_a_counter(store: Store) -> None:
    for turn in range(10):
        quota = [a_counter(f"race-{turn}", 3)]
        in_processes(4, lambda number, quota=quota: store.take(quota) and None)
        assert store.usage(f"race-{turn}") == 3


def test_workers_see_what_each_other_wrote(store: Store) -> None:
    store.put_result(a_result(id="parent"))
    in_processes(3, lambda number: store.put_result(a_result(id=f"child-{number}")))
    ids = {each.id for each in store.list_results("digest", 10)}
    assert ids == {"parent", "child-0", "child-1", "child-2"}


def test_threads_share_a_store(store: Store) -> None:
    quota = [a_counter(limit=25)]
    taken: list[bool] = []
    threads = [
        Thread(target=lambda: taken.extend(store.take(quota) for _ in range(10))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(taken), sum(taken)) == (40, 25)
