"""Presentation attacks beside deepfakes: two tasks, two policies, one rule for what decides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from service.analysis.findings import decision_of, ordered
from service.analysis.image import Analyzer
from service.analysis.judgement import ANALYSIS, Finding
from service.analysis.records import from_record, to_record
from service.errors import NoDetectorAnswered, StartupError
from service.settings import Settings
from tests.images import genuine
from tests.models import make_detector

PRESENTATION: dict[str, Any] = {"task": "presentation_attack", "fast": True}


@pytest.fixture
def two_tasks(models_dir: Path) -> Path:
    """Every face is bona fide, shown on a screen."""
    make_detector(models_dir, "red", gain=0.0, bias=-3.0)
    make_detector(models_dir, "shown", gain=0.0, bias=3.0, **PRESENTATION)
    return models_dir


def analyzer(models_dir: Path, **changes: Any) -> Analyzer:
    return Analyzer.load(Settings(models_dir=models_dir, **changes))


def finding(task: str, decision: str, *, advisory: bool = False) -> Finding:
    numbers = {"score": 0.9, "probability": 0.9, "threshold": 0.5, "bpcer": 0.05}
    return Finding(task=task, decision=decision, advisory=advisory, **numbers)  # type: ignore[arg-type]


def test_a_warning_is_shown_and_decides_nothing(two_tasks: Path) -> None:
    found = analyzer(two_tasks).analyze(genuine())
    alone = analyzer(two_tasks, presentation="off").analyze(genuine())
    assert [(one.task, one.decision, one.advisory) for one in found.findings] == [
        ("deepfake", "bona_fide", False),
        ("presentation_attack", "attack", True),
    ]
    assert (found.decision, found.is_attack, found.warnings) == (
        "bona_fide",
        False,
        (found.findings[1],),
    )
    assert [one.task for one in alone.findings] == ["deepfake"]
    assert (found.score, found.probability, found.threshold) == (
        alone.score,
        alone.probability,
        alone.threshold,
    )
    assert found.faces == alone.faces  # it has no vote


def test_it_may_decide(two_tasks: Path) -> None:
    found = analyzer(two_tasks, presentation="decide").analyze(genuine())
    first = found.findings[0]
    assert (found.decision, found.is_attack, first.task) == (
        "presentation_attack",
        True,
        "presentation_attack",
    )
    assert (found.score, found.probability, found.threshold, found.warnings) == (
        first.score,
        first.probability,
        first.threshold,
        (),
    )
    assert [one.name for one in found.detectors] == ["shown"]


def test_a_genuine_face_stays_so_where_it_may_decide(models_dir: Path) -> None:
    make_detector(models_dir, "red", gain=0.0, bias=-3.0)
    make_detector(models_dir, "shown", gain=0.0, bias=-3.0, **PRESENTATION)
    found = analyzer(models_dir, presentation="decide").analyze(genuine())
    assert (found.decision, found.findings[0].task) == ("bona_fide", "deepfake")


def test_each_setting_has_answers_of_its_own_in_the_cache(two_tasks: Path) -> None:
    settings = ("off", "warn", "decide")
    prints = {analyzer(two_tasks, presentation=one).fingerprint for one in settings}
    assert len(prints) == 3
    for one in settings:
        judge = analyzer(two_tasks, presentation=one)
        assert judge.analyze(genuine()).fingerprint == judge.fingerprint


def test_without_it_the_fingerprint_is_that_of_deepfakes_alone(two_tasks: Path) -> None:
    judge = analyzer(two_tasks, presentation="off")
    assert judge.fingerprint == judge.policy.fingerprint


def test_names_choose_within_a_task(two_tasks: Path) -> None:
    make_detector(two_tasks, "blue", gain=0.0, bias=-3.0)
    names = [one.name for one in analyzer(two_tasks, detectors=("red",)).models]
    assert names[:2] == ["red", "shown"]


def test_a_detector_that_fails_fails_no_answer_where_it_only_warns(
    two_tasks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for mode in ("warn", "decide"):
        judge = analyzer(two_tasks, presentation=mode)
        whole = judge.fingerprint
        monkeypatch.setattr(judge._tasks[0].detectors[0], "predict", lambda *_, **__: 1 / 0)
        if mode == "decide":  # an attack must not pass because nobody looked
            with pytest.raises(NoDetectorAnswered):
                judge.analyze(genuine())
            continue
        found = judge.analyze(genuine())
        assert (found.left_out, len(found.findings)) == (("shown",), 1)
        assert found.fingerprint != whole


def test_it_is_kept_and_read_again(two_tasks: Path) -> None:
    found = analyzer(two_tasks, presentation="decide").analyze(genuine())
    assert from_record(to_record(found)).findings == found.findings
    assert ANALYSIS.validate_python(to_record(found)).decision == "presentation_attack"


def test_the_card_names_both(two_tasks: Path) -> None:
    card = analyzer(two_tasks).model_card()
    assert card["tasks"]["presentation_attack"]["advisory"] is True  # type: ignore[index]
    assert "tasks" not in analyzer(two_tasks, presentation="off").model_card()


def test_one_task_alone_can_be_measured(two_tasks: Path) -> None:
    settings = Settings(models_dir=two_tasks, presentation="off")
    found = Analyzer.of_task(settings, "presentation_attack").analyze(genuine())
    assert [one.task for one in found.findings] == ["presentation_attack"]
    assert (found.decision, [one.name for one in found.faces[0].detectors]) == (
        "presentation_attack",
        ["shown"],
    )


def test_a_task_without_detectors_is_said(models_dir: Path) -> None:
    make_detector(models_dir, "red")
    with pytest.raises(StartupError, match="task presentation_attack"):
        Analyzer.of_task(Settings(models_dir=models_dir), "presentation_attack")


def test_the_rule() -> None:
    deepfake, presented = finding("deepfake", "attack"), finding("presentation_attack", "attack")
    sound = finding("deepfake", "bona_fide")
    advice = finding("presentation_attack", "attack", advisory=True)
    assert ordered([deepfake, presented]) == (deepfake, presented)
    assert ordered([sound, presented]) == (presented, sound)
    assert ordered([sound, advice]) == (sound, advice)
    assert [decision_of(one) for one in (deepfake, presented, sound)] == [
        "deepfake",
        "presentation_attack",
        "bona_fide",
    ]
