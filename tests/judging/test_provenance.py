"""Provenance of what is judged: found once, ruled over at each answer, refused where asked."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from scripts.provenance import files
from service.analysis.image import Analyzer
from service.analysis.judgement import ImageAnalysis
from service.analysis.records import from_record, to_record
from service.errors import ProvenanceRefused, StartupError
from service.judging.judge import Judge, Judged
from service.judging.loader import Loader
from service.media.medium import Medium
from service.provenance.facts import Provenance
from service.provenance.rules import load_rules
from service.runtime.limits.concurrency import ConcurrencyLimit
from service.runtime.metrics import PROVENANCE
from service.settings import PACKAGE, Settings
from service.store import open_store
from service.store.forgetting import Selection
from tests.images import genuine, portrait

OWNER, OTHER = "d" * 64, "e" * 64
MakeJudge = Callable[..., Judge]


@pytest.fixture(scope="module")
def analyzer() -> Analyzer:
    return Analyzer.load(Settings(profile="fast", presentation="off"))


@pytest.fixture
def make(analyzer: Analyzer, tmp_path: Path) -> Iterator[MakeJudge]:
    opened = []

    def judge(**changes: Any) -> Judge:
        settings = Settings(store="sqlite", data_dir=tmp_path, **changes)
        store = open_store(settings)
        opened.append(store)
        loader = Loader.of(settings, analyzer)
        return Judge(settings, loader, store, ConcurrencyLimit(2, 8, 10.0))

    yield judge
    for store in opened:
        store.close()


@pytest.fixture(scope="module")
def painted() -> bytes:
    return files.jpeg(portrait(), comment="Created with GIMP")


def found(judged: Judged) -> Provenance:
    assert isinstance(judged.analysis, ImageAnalysis)
    assert judged.analysis.provenance is not None
    return judged.analysis.provenance


def rules(judged: Judged) -> set[str]:
    return {one.rule for one in found(judged).signals}


def sent(judge: Judge, data: bytes, owner: str = OWNER, name: str = "") -> Judged:
    return judge.judge(Medium.of(data, name=name), owner=owner)


def test_findings_change_neither_score_nor_decision(make: MakeJudge, painted: bytes) -> None:
    with_it = sent(make(provenance_flag="editor_text"), painted).analysis
    without = sent(make(provenance="off"), painted, owner=OTHER).analysis
    assert isinstance(with_it, ImageAnalysis)
    assert isinstance(without, ImageAnalysis)
    assert without.provenance is None or not without.provenance.signals
    changed = {"provenance": None, "timings": {}}
    assert replace(with_it, **changed) == replace(without, **changed)


def test_a_kept_answer_has_the_same_findings(make: MakeJudge, painted: bytes) -> None:
    judge = make()
    first, again = sent(judge, painted), sent(judge, painted)
    assert again.cached
    assert found(again) == found(first)
    assert "editor_text" in rules(again)


def test_rules_are_asked_anew_at_each_answer(make: MakeJudge, painted: bytes) -> None:
    assert not found(sent(make(), painted)).flagged
    again = sent(make(provenance_flag="editor_text"), painted)
    assert again.cached
    assert found(again).flagged


def test_marks_of_another_rule_set_are_looked_for_in_what_is_kept(
    make: MakeJudge, painted: bytes, tmp_path: Path
) -> None:
    first = sent(make(), painted)
    file = tmp_path / "rules.toml"
    shipped = (PACKAGE / "provenance" / "rules.toml").read_text()
    file.write_text(shipped.replace('tool = "GIMP"', 'tool = "The painter"'))
    again = sent(make(provenance_rules=file), painted)
    assert again.cached
    assert [one.name for one in found(again).facts.tools] == ["The painter"]
    assert replace(found(again).facts, tools=()) == replace(found(first).facts, tools=())


def test_a_record_of_an_earlier_release_is_read_and_gets_findings(
    make: MakeJudge, painted: bytes
) -> None:
    judge = make()
    first = sent(judge, painted)
    record = to_record(first.analysis)
    del record["provenance"]
    old = from_record(record)
    assert isinstance(old, ImageAnalysis)
    assert old.provenance is None
    added = judge._provenance.add(Medium.of(painted), old, OWNER)
    assert isinstance(added, ImageAnalysis)
    assert added.provenance is not None
    assert {one.rule for one in added.provenance.signals} >= {"editor_text"}
    assert (added.provenance.facts.width, added.provenance.facts.height) == portrait().size


def test_findings_outlive_the_record(make: MakeJudge, painted: bytes) -> None:
    analysis = sent(make(), painted).analysis
    assert replace(from_record(to_record(analysis)), timings={}) == replace(analysis, timings={})


def test_a_rule_refuses_with_its_sentence_and_a_remedy(make: MakeJudge, painted: bytes) -> None:
    judge = make(provenance_refuse="editor_text")
    with pytest.raises(ProvenanceRefused) as refused:
        sent(judge, painted)
    assert (refused.value.code, refused.value.status) == ("PROVENANCE_REFUSED", 422)
    assert refused.value.sentence == (
        "The file holds text that image editors leave. Send a picture as the camera took it."
    )
    assert not found(sent(judge, genuine())).flagged


def test_a_rule_that_refuses_also_refuses_what_was_kept(make: MakeJudge, painted: bytes) -> None:
    sent(make(), painted)
    with pytest.raises(ProvenanceRefused):
        sent(make(provenance_refuse="editor_text"), painted)


def test_rules_that_hold_are_counted(make: MakeJudge, painted: bytes) -> None:
    counter = PROVENANCE.labels("editor_text", "report")
    before = counter._value.get()
    sent(make(), painted)
    assert counter._value.get() == before + 1


def test_unusable_rules_stop_the_start(make: MakeJudge) -> None:
    with pytest.raises(StartupError):
        make(provenance_refuse="nonsense")
    make(provenance_refuse="nonsense", provenance="off")


# Pictures that come again


@pytest.fixture
def seeing(make: MakeJudge) -> Judge:
    return make(provenance_seen=True)


SEEN = {"seen_elsewhere", "seen_changed", "seen_renamed"}


def test_the_first_time_nothing_was_seen_and_neither_the_second(seeing: Judge) -> None:
    assert not rules(sent(seeing, genuine())) & SEEN
    assert not rules(sent(seeing, genuine())) & SEEN


def test_the_same_file_under_another_licence(seeing: Judge) -> None:
    sent(seeing, genuine())
    assert rules(sent(seeing, genuine(), OTHER)) & SEEN == {"seen_elsewhere"}


@pytest.mark.parametrize("quality", [60, 85])
@pytest.mark.parametrize("share", [1.0, 0.6])
def test_a_picture_saved_again_or_smaller_is_the_same(
    seeing: Judge, quality: int, share: float
) -> None:
    sent(seeing, genuine())
    side = round(portrait().width * share)
    again = files.jpeg(portrait().resize((side, side)), quality)
    assert rules(sent(seeing, again)) & SEEN == {"seen_changed"}


def test_the_same_file_by_another_name(seeing: Judge) -> None:
    sent(seeing, genuine(), name="IMG_1.jpg")
    assert rules(sent(seeing, genuine(), name="IMG_1.jpg")) & SEEN == set()
    assert rules(sent(seeing, genuine(), name="anna.jpg")) & SEEN == {"seen_renamed"}


def test_another_picture_is_another(seeing: Judge) -> None:
    sent(seeing, genuine())
    mirrored = files.jpeg(portrait().transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    assert not rules(sent(seeing, mirrored, OTHER)) & SEEN


def test_nothing_is_seen_or_kept_unless_asked_for(make: MakeJudge) -> None:
    judge = make()
    sent(judge, genuine())
    assert not rules(sent(judge, genuine(), OTHER)) & SEEN
    assert judge._provenance._store.forget(Selection(before=time.time() + 9))["pictures"] == 0


def test_what_is_forgotten_was_never_seen(seeing: Judge) -> None:
    sent(seeing, genuine())
    sha256 = Medium.of(genuine()).sha256
    assert seeing._provenance._store.forget(Selection(sha256=sha256))["pictures"] == 1
    assert not rules(sent(seeing, genuine(), OTHER)) & SEEN


def test_neither_name_nor_hash_can_be_read_without_the_key(
    seeing: Judge, make: MakeJudge, tmp_path: Path
) -> None:
    sent(seeing, genuine(), name="anna.jpg")
    (first,) = seeing._provenance._store.find_pictures(_bands(seeing), 9)
    (tmp_path / "provenance.key").unlink()
    other = make(provenance_seen=True)
    assert _bands(other) != _bands(seeing)
    assert "anna" not in repr(first)
    assert (tmp_path / "provenance.key").stat().st_mode & 0o77 == 0


def test_a_store_that_is_away_only_means_that_nothing_is_told(
    seeing: Judge, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sent(seeing, genuine())
    store = seeing._provenance._store
    store.close()
    for file in tmp_path.glob("facegate.db*"):
        file.unlink()
    (tmp_path / "facegate.db").mkdir()
    assert not rules(sent(seeing, genuine(), OTHER)) & SEEN


def _bands(judge: Judge) -> tuple[str, ...]:
    from service.media.image import decode

    seen = judge._provenance._seen
    return seen._print(decode(genuine(), max_pixels=10**7).pixels).bands


def test_the_shipped_rules_are_in_force(make: MakeJudge) -> None:
    assert found(sent(make(), genuine())).rules == load_rules(Settings()).name
