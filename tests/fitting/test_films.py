"""A folder of videos is measured and calibrated like one of images."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.analysis.image import Analyzer
from service.analysis.video import VideoPipeline
from service.commands.fit.calibrate import calibrate, remove
from service.commands.fit.evaluate import evaluate
from service.fitting.contents import kind_in
from service.fitting.dataset import labelled
from service.media.medium import Medium
from service.settings import Settings, load_settings
from tests import clips
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


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with models and data, which the environment names."""
    root = tmp_path_factory.mktemp("room")
    (root / "models").mkdir()
    copy_face_detectors(root / "models")
    make_detector(root / "models", "red", gain=4.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FACEGATE_MODELS_DIR", str(root / "models"))
        patch.setenv("FACEGATE_DATA_DIR", str(root / "data"))
        yield root


@pytest.fixture(scope="module")
def before(room: Path) -> VideoPipeline:
    """Without a calibration."""
    del room
    return pipeline()


@pytest.fixture(scope="module")
def calibrated(folder: Path, before: VideoPipeline, room: Path) -> Path:
    """The calibration by the genuine films."""
    del before
    calibrate(folder / "real", 0.5, force=False)
    return room / "data" / "video" / "calibration.json"


def pipeline() -> VideoPipeline:
    settings = load_settings()
    return VideoPipeline(settings, Analyzer.load(settings))


def test_evaluate(folder: Path, room: Path, tmp_path: Path) -> None:
    del room
    for name in ("real/00.mp4", "real/01.mp4", "fake/swap/a.mkv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    assert (kind_in(folder), len(labelled(folder))) == ("video", FILMS + 1)
    evaluate(tmp_path, "json", tmp_path / "report.json")
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["models"][0] == "red 1.0.0"
    assert (report["images"]["genuine_judged"], report["images"]["attacks"]) == (2, 1)
    assert report["auc"]["value"] == 1


def test_a_calibration_moves_the_line_for_videos_alone(
    folder: Path, before: VideoPipeline, calibrated: Path, room: Path
) -> None:
    film = Medium.of((folder / "real" / "15.mp4").read_bytes(), "video")
    assert json.loads(calibrated.read_text())["images"]["genuine"] == FILMS
    found = pipeline().analyze(film)
    assert found.threshold != before.analyze(film).threshold
    assert (found.decision, found.bpcer) == ("deepfake", 0.5)
    assert found.fingerprint != before.fingerprint
    analyzer = Analyzer.load(Settings(models_dir=room / "models", data_dir=room / "data"))
    assert analyzer.policy.fingerprint == before.policy.fingerprint


def test_the_card_shows_it(calibrated: Path) -> None:
    card: Any = pipeline().model_card()
    assert card["calibration"] == json.loads(calibrated.read_text())
    assert card["operating_point"]["bpcer"] == 0.5


def test_one_for_other_models_does_not_count(calibrated: Path, room: Path) -> None:
    assert calibrated.exists()
    make_detector(room / "models", "other", gain=2.0)
    found = pipeline()
    shutil.rmtree(room / "models" / "other")
    assert found.ignored_calibration
    assert found.policy.calibration is None
    assert found.model_card() is None


def test_it_can_be_removed(
    calibrated: Path, before: VideoPipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    remove()
    assert f"Removed {calibrated}." in capsys.readouterr().out
    assert pipeline().fingerprint == before.fingerprint
