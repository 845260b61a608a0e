"""Detectors of one task never vote in another's, and a fusion that does not fit is told of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from service.analysis.image import Analyzer
from service.commands.doctor.installation import check_fusion, check_model_files
from service.errors import StartupError
from service.repository.manifest import Manifest, read_manifest
from service.settings import Settings
from tests.analysis.decision.test_stacking import make_stack
from tests.images import genuine
from tests.models import make_detector


@pytest.fixture
def folder(models_dir: Path) -> Path:
    """`red` and `shy` find deepfakes, `screen` presentation attacks; a fusion of the former two."""
    make_detector(models_dir, "red")
    make_detector(models_dir, "shy", gain=1.0, bias=-4.0)
    make_detector(models_dir, "screen", gain=0.0, bias=9.0, task="presentation_attack")
    make_stack(models_dir)
    return models_dir


def rewrite(manifest: Path, **changes: Any) -> None:
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | changes))


def test_a_detector_of_another_task_has_no_say(folder: Path) -> None:
    analysis = Analyzer.load(Settings(models_dir=folder)).analyze(genuine())
    assert [score.name for score in analysis.faces[0].detectors] == ["red", "shy"]
    assert analysis.fusion == "stacking"


def test_the_doctor_names_a_detector_that_nothing_asks(folder: Path) -> None:
    sentence = check_model_files(Settings(models_dir=folder, presentation="off")).sentence
    assert "in force: red, shy." in sentence
    assert "screen (presentation_attack)" in sentence


def test_the_doctor_names_what_is_looked_for_besides(folder: Path) -> None:
    sentence = check_model_files(Settings(models_dir=folder, presentation="decide")).sentence
    assert "in force: red, shy; for presentation_attack, screen (decide)." in sentence
    assert "nothing asks" not in sentence


def test_a_detector_of_sound_is_not_asked_about_images(folder: Path) -> None:
    rewrite(folder / "red" / "manifest.json", modality="audio")
    analysis = Analyzer.load(Settings(models_dir=folder)).analyze(genuine())
    assert [score.name for score in analysis.faces[0].detectors] == ["shy"]


def test_detectors_of_another_task_alone_do_not_start(folder: Path) -> None:
    with pytest.raises(StartupError, match="for the task deepfake"):
        Analyzer.load(Settings(models_dir=folder, detectors="screen"))


def test_a_task_that_is_none_is_refused(folder: Path) -> None:
    rewrite(folder / "screen" / "manifest.json", task="telepathy")
    with pytest.raises(StartupError, match="task"):
        read_manifest(Manifest, folder / "screen")


def test_a_fusion_of_another_task_is_not_taken(folder: Path) -> None:
    rewrite(folder / "stack" / "manifest.json", task="presentation_attack")
    assert Analyzer.load(Settings(models_dir=folder)).analyze(genuine()).fusion == "average"


def test_a_fusion_that_does_not_fit_is_told_of(folder: Path) -> None:
    settings = Settings(models_dir=folder)
    assert Analyzer.load(settings).notices == ()
    assert check_fusion(settings).level == "ok"
    rewrite(folder / "shy" / "manifest.json", version="2.0.0")
    (notice,) = Analyzer.load(settings).notices
    assert "red 1.0.0, shy 2.0.0" in notice
    assert "average" in notice
    found = check_fusion(settings)
    assert (found.level, found.sentence) == ("warning", notice)


def test_a_fusion_that_was_not_asked_for_is_not_missed(folder: Path) -> None:
    rewrite(folder / "shy" / "manifest.json", version="2.0.0")
    assert Analyzer.load(Settings(models_dir=folder, fusion="average")).notices == ()


def test_what_was_fitted_before_there_were_tasks_still_fits(folder: Path) -> None:
    before = Analyzer.load(Settings(models_dir=folder)).policy.identity
    for name in ("red", "shy", "stack"):
        rewrite(folder / name / "manifest.json", task="deepfake", modality="image")
    assert Analyzer.load(Settings(models_dir=folder)).policy.identity == before
    assert "task" not in read_manifest(Manifest, folder / "red").identity
