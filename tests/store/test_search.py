"""Looking through results of all licences, in every store that remembers."""

from __future__ import annotations

import time
from typing import Any

import pytest

from service.store.base import Store, StoredResult
from service.store.null.store import NullStore
from service.store.search import Filter, sorted_by
from tests.store.records import a_result

NOW = time.time()


def kept(store: Store, name: str, score: float, at: float = 0.0, **more: Any) -> StoredResult:
    analysis: dict[str, Any] = {
        "decision": "deepfake" if score >= 0.5 else "bona_fide",
        "score": score,
        "probability": score / 2,
        "reasons": [],
        "findings": [{"task": "deepfake", "advisory": False, "decision": "attack"}],
        "timings": {"total": 12.5},
    }
    analysis |= more.pop("analysis", {})
    result = a_result(id=name, created_at=NOW + at, analysis=analysis, **more)
    store.put_result(result)
    return result


@pytest.fixture
def filled(store: Store) -> Store:
    advisory = {"task": "voice_spoof", "advisory": True, "decision": "attack"}
    kept(store, "r1", 0.1, -30, licence="a")
    kept(store, "r2", 0.9, -20, licence="b", contract="/liveness", image=b"pixels")
    kept(store, "r3", 0.5, -10, analysis={"reasons": ["IMAGE_TOO_DARK"]}, label="unsure")
    kept(store, "r4", 0.4, 0, analysis={"findings": [{}, advisory]}, label="genuine")
    kept(store, "gone", 0.4, 0, expires_at=NOW - 1)
    return store


def found(store: Store, sort: Any = "newest", **wanted: Any) -> str:
    return " ".join(r.id for r in store.search_results(Filter(**wanted), sort, 10))


def test_everything_newest_first(filled: Store) -> None:
    assert found(filled) == "r4 r3 r2 r1"


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("oldest", "r1 r2 r3 r4"),
        ("highest", "r2 r3 r4 r1"),
        ("lowest", "r1 r4 r3 r2"),
        ("id", "r1 r2 r3 r4"),
    ],
)
def test_sorted(filled: Store, sort: str, order: str) -> None:
    assert found(filled, sort) == order


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        ({"since": NOW - 20, "until": NOW}, "r3 r2"),
        ({"decision": "deepfake"}, "r3 r2"),
        ({"least": 0.4, "most": 0.5}, "r4 r3"),
        ({"reason": "IMAGE_TOO_DARK"}, "r3"),
        ({"licence": "a"}, "r1"),
        ({"contract": "/liveness"}, "r2"),
        ({"label": "genuine"}, "r4"),
        ({"label": "any"}, "r4 r3"),
        ({"label": "none"}, "r2 r1"),
        ({"warned": True}, "r4 r3"),
        ({"warned": False}, "r2 r1"),
        ({"image": True}, "r2"),
        ({"image": False, "decision": "bona_fide"}, "r4 r1"),
    ],
)
def test_filtered(filled: Store, wanted: dict[str, Any], ids: str) -> None:
    assert found(filled, **wanted) == ids


@pytest.mark.parametrize("sort", ["newest", "oldest", "highest", "lowest", "id"])
def test_pages_hold_every_result_once_though_many_are_alike(store: Store, sort: Any) -> None:
    for number in range(7):
        kept(store, f"same{number}", 0.5)
    seen: list[str] = []
    after = None
    while page := store.search_results(Filter(), sort, 3, after):
        seen += [one.id for one in page]
        after = sorted_by(page[-1], sort)
    assert sorted(seen) == [f"same{number}" for number in range(7)]


def test_a_listing_tells_of_an_image_and_does_not_carry_it(filled: Store) -> None:
    images = {one.id: one.image for one in filled.search_results(Filter(), "newest", 10)}
    assert images == {"r1": None, "r2": b"", "r3": None, "r4": None}


def test_the_sizes_of_images(filled: Store) -> None:
    assert filled.image_sizes(["r1", "r2", "r9"]) == {"r2": 6}
    assert filled.image_sizes([]) == {}


def test_one_result_of_whichever_licence(filled: Store) -> None:
    result = filled.find_by_id("r2")
    assert result is not None
    assert (result.licence, result.image, result.contract) == ("b", b"pixels", "/liveness")
    assert filled.find_by_id("r1").image is None  # type: ignore[union-attr]
    assert filled.find_by_id("gone") is filled.find_by_id("other") is None


def test_points_are_what_statistics_need(filled: Store) -> None:
    points = filled.result_points(Filter(), 3)
    assert [(one.id, one.score, one.label) for one in points] == [
        ("r4", 0.4, "genuine"),
        ("r3", 0.5, "unsure"),
        ("r2", 0.9, None),
    ]
    assert (points[2].probability, points[2].decision) == (0.45, "deepfake")
    assert (points[2].milliseconds, points[2].fingerprint) == (12.5, "model-1")
    assert [one.id for one in filled.result_points(Filter(label="any"), 9)] == ["r4", "r3"]


def test_a_label_is_put_on_changed_and_taken_away(filled: Store) -> None:
    assert filled.label_result("r1", "deepfake")
    assert found(filled, label="deepfake") == "r1"
    assert filled.label_result("r1", None)
    assert found(filled, label="none") == "r2 r1"
    assert not filled.label_result("gone", "deepfake")


def test_an_image_goes_and_its_result_stays(filled: Store) -> None:
    assert filled.drop_image("r2")
    assert not filled.drop_image("r2")
    assert filled.find_by_id("r2").image is None  # type: ignore[union-attr]
    assert found(filled, image=True) == ""


def test_without_a_store_nothing_is_found() -> None:
    store = NullStore()
    assert store.search_results(Filter(), "newest", 1) == store.result_points(Filter(), 1) == []
    assert store.find_by_id("r") is None
    assert store.image_sizes(["r"]) == {}
    assert not store.label_result("r", "genuine")
    assert not store.drop_image("r")
