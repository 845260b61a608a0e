"""One road: cache, concurrency limit, analyzer, store."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from service.analysis.image import Analyzer
from service.errors import (
    CannotJudge,
    ImageError,
    Reason,
    StoreUnavailable,
    Unavailable,
    UnsupportedMedia,
)
from service.judging.judge import Judge
from service.judging.loader import Loader
from service.media.medium import Medium
from service.runtime.limits.concurrency import ConcurrencyLimit
from service.runtime.metrics import CACHE_MISSES
from service.settings import Settings
from service.store import open_store
from service.store.base import Store
from tests.images import encode, genuine, portrait

OWNER = "d" * 64


class Away:
    """A store that cannot be reached: no real one fails on command in every call."""

    kind = "sqlite"

    def __getattr__(self, name: str) -> object:
        def fail(*_: object) -> None:
            raise StoreUnavailable

        return fail


@pytest.fixture(scope="module")
def analyzer() -> Analyzer:
    return Analyzer.load(Settings())


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(store="sqlite", data_dir=tmp_path)


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    opened = open_store(settings)
    yield opened
    opened.close()


def judge_with(settings: Settings, analyzer: Analyzer, store: Store) -> Judge:
    loader = Loader.of(settings, analyzer)
    return Judge(settings, loader, store, ConcurrencyLimit(1, 0, 1.0))


@pytest.fixture
def judge(settings: Settings, analyzer: Analyzer, store: Store) -> Judge:
    return judge_with(settings, analyzer, store)


def test_the_same_bytes_are_judged_once(judge: Judge) -> None:
    first, second = (
        judge.judge(Medium.of(genuine()), owner=OWNER),
        judge.judge(Medium.of(genuine()), owner=OWNER),
    )
    assert (first.cached, second.cached) == (False, True)
    assert second.analysis == first.analysis
    assert second.id != first.id


def test_nobody_learns_what_others_had_judged(judge: Judge) -> None:
    """Not by the flag, and not by the time: everything is done again."""
    judge.judge(Medium.of(genuine()), owner=OWNER)
    before = CACHE_MISSES._value.get()
    for owner in ("another", None):
        assert not judge.judge(Medium.of(genuine()), owner=owner).cached
    assert CACHE_MISSES._value.get() == before + 2
    assert judge.judge(Medium.of(genuine()), owner=None).cached


def test_other_bytes_of_the_same_picture_are_judged_again(judge: Judge) -> None:
    judge.judge(Medium.of(genuine()), owner=OWNER)
    assert not judge.judge(Medium.of(genuine() + b"x"), owner=OWNER).cached


def test_another_operating_point_is_not_answered_from_the_cache(
    settings: Settings, store: Store, judge: Judge
) -> None:
    judge.judge(Medium.of(genuine()), owner=OWNER)
    changed = settings.model_copy(update={"max_faces": 1})
    other = judge_with(changed, Analyzer.load(changed), store)
    assert not other.judge(Medium.of(genuine()), owner=OWNER).cached


def test_a_heat_map_is_made_again_and_never_kept(judge: Judge, store: Store) -> None:
    judge.judge(Medium.of(genuine()), owner=OWNER)
    explained = judge.judge(Medium.of(genuine()), owner=OWNER, explain=True)
    assert not explained.cached
    assert explained.analysis.heat_map
    kept = store.get_result(OWNER, explained.id)
    assert kept is not None
    assert kept.analysis["heat_map"] is None


def test_a_result_expires_after_its_time(
    settings: Settings, analyzer: Analyzer, store: Store
) -> None:
    brief = judge_with(settings.model_copy(update={"result_ttl": 0.05}), analyzer, store)
    brief.judge(Medium.of(genuine()), owner=OWNER)
    time.sleep(0.1)
    assert not brief.judge(Medium.of(genuine()), owner=OWNER).cached


@pytest.mark.parametrize("keep", [False, True])
def test_the_image_is_kept_only_when_a_setting_asks(
    settings: Settings, analyzer: Analyzer, store: Store, keep: bool
) -> None:
    judge = judge_with(settings.model_copy(update={"store_images": keep}), analyzer, store)
    kept = store.get_result(OWNER, judge.judge(Medium.of(genuine()), owner=OWNER).id)
    assert kept is not None
    assert kept.image == (genuine() if keep else None)


def test_no_image_bytes_reach_the_disk_by_default(judge: Judge, settings: Settings) -> None:
    judge.judge(Medium.of(genuine()), owner=OWNER)
    files = [path for path in settings.data_dir.rglob("*") if path.is_file()]
    assert files
    assert not any(genuine()[200:264] in path.read_bytes() for path in files)


def test_a_store_that_is_away_costs_the_storing_not_the_answer(
    settings: Settings, analyzer: Analyzer
) -> None:
    judged = judge_with(settings, analyzer, cast(Store, Away())).judge(
        Medium.of(genuine()), owner=OWNER
    )
    assert not judged.stored
    assert not judged.cached


def test_the_null_store_says_that_nothing_was_stored(
    settings: Settings, analyzer: Analyzer
) -> None:
    null = open_store(settings.model_copy(update={"store": "null"}))
    assert not judge_with(settings, analyzer, null).judge(Medium.of(genuine()), owner=OWNER).stored


def test_a_request_waits_for_models_that_are_being_loaded(settings: Settings, store: Store) -> None:
    loader = Loader(settings)
    threading.Timer(0.3, loader.start).start()
    assert (
        Judge(settings, loader, store, ConcurrencyLimit(1, 0, 1.0))
        .judge(Medium.of(genuine()), owner=OWNER)
        .id
    )


def test_models_that_failed_to_load(tmp_path: Path, settings: Settings, store: Store) -> None:
    loader = Loader(settings.model_copy(update={"models_dir": tmp_path / "none"}))
    loader.start()
    with pytest.raises(Unavailable):
        Judge(settings, loader, store, ConcurrencyLimit(1, 0, 1.0)).judge(
            Medium.of(genuine()), owner=OWNER
        )


def test_refusals_pass_through_and_are_not_kept(judge: Judge, store: Store) -> None:
    with pytest.raises(ImageError):
        judge.judge(Medium.of(b"no image"), owner=OWNER)
    blank = encode(portrait().point(lambda _: 128))
    with pytest.raises(CannotJudge) as refusal:
        judge.judge(Medium.of(blank), owner=OWNER)
    assert refusal.value.reason is Reason.FACE_NOT_FOUND
    assert store.list_results(OWNER, 10) == []


def test_a_kind_without_a_pipeline_is_refused(
    judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judge._loader, "_pipelines", {})
    with pytest.raises(UnsupportedMedia):
        judge.judge(Medium.of(b"\0\0\0\x18ftypisom"), owner=None)


def test_what_a_later_release_kept_is_judged_again(judge: Judge, store: Store) -> None:
    first = judge.judge(Medium.of(genuine()), owner=OWNER)
    kept = store.get_result(OWNER, first.id)
    assert kept is not None
    now = time.time()
    store.put_result(replace(kept, id="later", analysis={"schema": 99}, created_at=now + 1))
    again = judge.judge(Medium.of(genuine()), owner=OWNER)
    assert not again.cached
    assert again.analysis.score == first.analysis.score
