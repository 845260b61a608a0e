"""A listing in parts: together they are the whole, none overlaps another, and the time may end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice, pairwise
from typing import Any

import pymongo
import pytest

from service.errors import StoreTooSlow
from service.store.mongo import search, windows
from service.store.mongo.store import MongoStore
from service.store.mongo.windows import ALL_IDS, parts
from service.store.resilient.store import ResilientStore
from service.store.search import ORDERS, Filter, Label, Sort, sorted_by
from tests.servers import MongoServer
from tests.store.records import a_result

NOW = time.time()


def bounds(field: str, ascending: bool, query: Any = None, after: Any = None) -> list[Any]:
    return list(bounds_of(field, ascending, query, after))


def bounds_of(field: str, ascending: bool, query: Any = None, after: Any = None) -> Iterator[Any]:
    return (one.get(field, {}) for one in parts(query or {}, field, ascending, after))


@pytest.mark.parametrize("field", ["created_at", "analysis.score"])
@pytest.mark.parametrize("ascending", [False, True])
def test_each_part_begins_where_the_one_before_ended(field: str, ascending: bool) -> None:
    start = ({"$gte": NOW - 1e7} if field == "created_at" else {}) if ascending else {}
    found = bounds(field, ascending, {field: start, "label": None})
    assert len(found) > 5
    near, far = ("$gte", "$lt") if ascending else ("$lt", "$gte")
    for one, other in pairwise(found):
        assert other[near] == one[far]
    assert far not in found[-1]  # however old, or however high
    assert found[0].get(near) == start.get(near)


def test_the_bounds_of_a_filter_hold_in_every_part() -> None:
    query = {"analysis.score": {"$gte": 0.4, "$lte": 0.6}}
    found = bounds("analysis.score", False, query)
    assert found[0]["$lte"] == 0.6
    assert found[-1]["$gte"] == 0.4
    assert all(one["$gte"] >= 0.4 for one in found)


def test_the_next_page_begins_with_what_is_alike() -> None:
    first, second, *_ = parts({"licence": "a"}, "created_at", False, (NOW, "res_1"))
    assert first == {"created_at": NOW, "_id": {"$lt": "res_1"}, "licence": "a"}
    assert second["created_at"]["$lt"] == NOW


def test_ids_are_looked_through_to_the_last_one() -> None:
    start = f"res_{ALL_IDS // 2:032x}"
    found = bounds("_id", True, after=(start, start))
    assert found[0]["$gt"] == start
    assert "$lt" not in found[-1]
    assert list(parts({}, "_id", True, ("other", "other"))) == [{"_id": {"$gt": "other"}}]
    assert set(bounds("_id", True)[0]) == {"$lt"}  # from the first one on, in stretches, too


@pytest.mark.parametrize(
    ("growth", "widths"),
    [
        (((9.0, 4), (10.0, 2)), [2400, 9600, 38400]),
        (((0.0, 4), (9.0, 2)), [1200, 2400, 4800]),
        (((0.0, 4), (0.0, 2)), [600, 600, 600]),
    ],
)
def test_a_stretch_is_longer_only_where_the_one_before_was_quick(
    growth: Any, widths: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(windows, "GROWTH", growth)
    edges = [one["$gte"] for one in islice(bounds_of("created_at", False), 4)]
    assert [round(a - b) for a, b in pairwise(edges)] == widths


def test_the_oldest_are_looked_for_from_an_early_moment_on() -> None:
    assert list(parts({}, "created_at", True, None)) == [{}]
    first, second, *_, last = parts({}, "created_at", True, None, NOW - 1e6)
    assert first == {"created_at": {"$lt": NOW - 1e6}}
    assert second == {"created_at": {"$gte": NOW - 1e6, "$lt": NOW - 1e6 + 600}}
    assert set(last["created_at"]) == {"$gte"}


def test_those_before_the_early_moment_come_first(
    mongo_store: MongoStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for age in (90_000, 10, 5000, 200):
        label: Label | None = "genuine" if age == 90_000 else None  # and so in no sample
        mongo_store.put_result(a_result(id=f"res_{age}", created_at=time.time() - age))
        mongo_store.label_result(f"res_{age}", label)
    monkeypatch.setattr(search, "SAMPLED", {"label": None})
    found = mongo_store.search_results(Filter(), "oldest", 10)
    assert [one.id for one in found] == ["res_90000", "res_5000", "res_200", "res_10"]


@pytest.mark.parametrize(
    ("wanted", "sort", "fields"),
    [
        (Filter(), "newest", ["created_at", "_id"]),
        (Filter(reason="IMAGE_TOO_DARK"), "newest", ["analysis.reasons", "created_at", "_id"]),
        (Filter(reason="IMAGE_TOO_DARK"), "oldest", ["analysis.reasons", "created_at", "_id"]),
        (Filter(label="none"), "oldest", ["label", "created_at"]),
        (Filter(decision="deepfake"), "newest", ["analysis.decision", "created_at"]),
        (Filter(decision="deepfake"), "highest", ["analysis.decision", "analysis.score", "_id"]),
        (Filter(licence="a"), "newest", ["licence", "created_at", "_id"]),
        (Filter(contract="/liveness"), "newest", ["contract", "created_at", "_id"]),
        (Filter(image=True), "newest", ["created_at"]),
        (Filter(label="none"), "id", ["label", "_id"]),
    ],
)
def test_an_index_serves_what_is_asked_often(
    mongo_store: MongoStore, wanted: Filter, sort: Sort, fields: list[str]
) -> None:
    mongo_store.prepare()
    name, ascending = ORDERS[sort]
    field = search.NAMES.get(name, name)
    first, *_ = parts(search._query(wanted), field, ascending, None, NOW - 1e6)
    with mongo_store._calls() as db:
        plan = db.results.find(first).explain()["queryPlanner"]["winningPlan"]
    assert list(plan["inputStage"]["keyPattern"]) == fields


@contextmanager
def blocked_after(server: MongoServer, answered: int, seconds: float) -> Iterator[None]:
    """A server that answers so many questions, and no other for a while."""
    block = {"failCommands": ["find"], "blockConnection": True, "blockTimeMS": int(seconds * 1000)}
    mode = {"skip": answered, "times": 1}
    with pymongo.MongoClient[dict[str, Any]](server.uri) as client:
        command = {"configureFailPoint": "failCommand", "mode": mode, "data": block}
        client.admin.command(command)
        yield
        client.admin.command({"configureFailPoint": "failCommand", "mode": "off"})


def test_what_was_found_until_the_patience_ended_is_told_and_the_store_is_not_away(
    resilient_store: ResilientStore,
    mongo_store: MongoStore,
    mongo_server: MongoServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(search, "PATIENCE", 0.5)
    for age in (0, 10, 5000, 90_000):
        resilient_store.put_result(a_result(id=f"res_{age}", created_at=time.time() - age))
    with (
        blocked_after(mongo_server, 1, 2.0),
        pytest.raises(StoreTooSlow) as told,
    ):
        resilient_store.search_results(Filter(), "newest", 10)
    assert [one.id for one in told.value.found] == ["res_0", "res_10"]
    assert resilient_store.available
    monkeypatch.setattr(search, "PATIENCE", 30.0)
    after = sorted_by(told.value.found[-1], "newest")
    rest = mongo_store.search_results(Filter(), "newest", 10, after)
    assert [one.id for one in rest] == ["res_5000", "res_90000"]


def test_many_that_expired_hide_none_that_did_not(mongo_store: MongoStore) -> None:
    old = time.time() - 1
    for number in range(70):
        mongo_store.put_result(a_result(id=f"gone{number}", expires_at=old))
    mongo_store.put_result(a_result(id="kept", created_at=time.time() - 60))
    assert [one.id for one in mongo_store.search_results(Filter(), "newest", 10)] == ["kept"]
