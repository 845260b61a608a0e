"""A folder of videos is measured and calibrated like one of images."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from service.analysis.image import Analyzer
from service.analysis.video import VideoPipeline
from service.commands.fit.calibrate import calibrate, remove
from service.commands.fit.evaluate import evaluate
from service.fitting.dataset import kind_in, labelled
from service.media.medium import Medium
from service.settings import Settings, load_settings
from tests import clips
from tests.images import genuine
from tests.models import copy_face_detectors, make_detector

FILMS = 20


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Genuine films, each a little redder than the one before, and an attack that is redder."""
    root = tmp_path_factory.mktemp("films")
    (root / "real").mkdir()
    (root / "fake" / "swap").mkdir(parents=True)
    for number in range(FILMS):
        film = clips.video(clips.faces(3, red=0.5 + number / 40))
        (root / "real" / f"{number:02}.mp4").write_bytes(film)
    (root / "fake" / "swap" / "a.mkv").write_bytes(clips.video(clips.faces(3), "matroska"))
    return root


@pytest.fixture
def models(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Path:
    root = tmp_path_factory.mktemp("models")
    copy_face_detectors(root)
    make_detector(root, "red", gain=4.0)
    monkeypatch.setenv("FACEGATE_MODELS_DIR", str(root))
    monkeypatch.setenv("FACEGATE_DATA_DIR", str(tmp_path / "data"))
    return root


def pipeline() -> VideoPipeline:
    settings = load_settings()
    return VideoPipeline(settings, Analyzer.load(settings))


def test_evaluate(folder: Path, models: Path, tmp_path: Path) -> None:
    del models
    assert (kind_in(folder), len(labelled(folder))) == ("video", FILMS + 1)
    evaluate(folder, "json", tmp_path / "report.json")
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["models"][0] == "red 1.0.0"
    assert (report["images"]["genuine_judged"], report["images"]["attacks"]) == (FILMS, 1)
    assert report["auc"]["value"] > 0.9


def test_a_calibration_of_their_own(
    folder: Path, models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It moves the line for videos, and leaves that for images alone."""
    film = (folder / "real" / "15.mp4").read_bytes()
    before = pipeline()
    calibrate(folder / "real", 0.5, force=False)
    path = tmp_path / "data" / "video" / "calibration.json"
    assert json.loads(path.read_text())["images"]["genuine"] == FILMS
    after = pipeline()
    assert before.fingerprint != after.fingerprint
    found = after.analyze(Medium.of(film, "video"))
    assert found.threshold != before.analyze(Medium.of(film, "video")).threshold
    assert (found.decision, found.bpcer) == ("deepfake", 0.5)
    analyzer = Analyzer.load(Settings(models_dir=models, data_dir=tmp_path / "data"))
    assert analyzer.analyze(genuine()).threshold == before.policy.fusion.threshold
    remove()
    assert f"Removed {path}." in capsys.readouterr().out
    assert pipeline().fingerprint == before.fingerprint


def test_one_for_other_models_does_not_count(folder: Path, models: Path, tmp_path: Path) -> None:
    calibrate(folder / "real", 0.5, force=False)
    make_detector(models, "other", gain=2.0)
    found = pipeline()
    assert found.ignored_calibration
    assert found.policy.calibration is None
