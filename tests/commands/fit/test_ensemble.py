"""`facegate ensemble fit` and `rollback`. Scores are put where an earlier run would have left them;
tests of their own judge real images."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from service.analysis.image import Analyzer
from service.commands.fit import ensemble
from service.errors import StartupError
from service.fitting import stack_writer
from service.fitting.detector_scores import kept_scores, score_folder, scores
from service.repository import deployed
from service.settings import Settings, load_settings
from tests.fitting.test_cross_validation import made
from tests.images import genuine
from tests.live import Live
from tests.models import copy_face_detectors, make_detector
from tests.servers import free_port

QUICK = ("naive-bayes",)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    models = tmp_path / "models"
    models.mkdir()
    copy_face_detectors(models)
    make_detector(models, "a")
    make_detector(models, "b", gain=2.0)
    monkeypatch.setenv("FACEGATE_MODELS_DIR", str(models))
    monkeypatch.setenv("FACEGATE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("FACEGATE_STORE", "null")
    return load_settings()


def kept(settings: Settings, name: str) -> Path:
    alone = settings.model_copy(update={"detectors": (name,)})
    path = kept_scores(settings, name, Analyzer.load(alone, calibrated=False))
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def filled(settings: Settings, other: dict[str, float]) -> Path:
    """A labelled folder whose images were all scored before."""
    folder = settings.data_dir.parent / "labelled"
    table = made(1.5, other)
    lines: dict[str, list[str]] = {"a": [], "b": []}
    for number, species in enumerate(table.species):
        file = folder / str(species) / str(table.person[number]) / f"{number}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
        key = f"{file.relative_to(folder)} 0 {file.stat().st_mtime_ns}"
        said = stack_writer.sigmoid(table.log_odds[number]).tolist()
        for name, one in zip("ab", said, strict=True):
            lines[name].append(json.dumps([key, one]))
    for name, rows in lines.items():
        kept(settings, name).write_text("\n".join([*rows, '["half wri']))
    return folder


def manifest(settings: Settings) -> dict[str, Any]:
    path = settings.data_dir / "models" / "ensemble" / "manifest.json"
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_a_better_fusion_is_deployed_used_and_taken_back(
    here: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    running = Analyzer.load(here)
    assert running.analyze(genuine()).fusion == "average"
    assert ensemble.fit(filled(here, {"x": 1.5, "y": 1.5}), only=QUICK) == 0
    shown = capsys.readouterr()
    assert "y held out" in shown.out
    assert "compared: 15 of 15 parts" in shown.err
    found = manifest(here)
    assert (found["classifier"], found["file"]) == ("naive-bayes", "model.onnx")
    assert {line["name"] for line in found["figures"]} >= {"a", "b", "average", "chosen"}
    points = found["operating_points"]
    assert [one["bpcer"] for one in points] == [0.05, 0.1]  # of 240 genuine images
    assert points[0]["threshold"] > points[1]["threshold"]
    for analyzer in (running, Analyzer.load(here)):
        now = analyzer.analyze(genuine())
        assert (now.fusion, now.threshold) == ("stacking", points[0]["threshold"])
    ensemble.rollback()
    assert running.analyze(genuine()).fusion == "average"
    with pytest.raises(StartupError, match="No fusion"):
        ensemble.rollback()


def test_one_that_is_worse_on_species_held_out_is_not_deployed(
    here: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ensemble.fit(filled(here, {"x": 6.0, "y": -2.0}), only=QUICK) == 1
    assert "Not deployed: on species held out, a alone is better." in capsys.readouterr().out
    assert deployed.deployed(here) is None
    report = json.loads((here.data_dir / "ensemble" / "report.json").read_text())
    assert report["images"] == {"genuine": 240, "x": 240, "y": 240}
    figures = {line["name"]: line for line in report["auc"]}
    assert figures["chosen"]["known"] > figures["a"]["known"]
    assert figures["chosen"]["held_out"]["y"] < figures["a"]["held_out"]["y"]


def test_all_eight_are_compared_side_by_side(
    here: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.fitting.cross_validation.INNER", 2)
    monkeypatch.setattr("service.fitting.cross_validation.FOLDS", 2)
    folder = filled(here, {"x": 2.5, "y": 2.5})
    for person in range(4, 40):  # so few that it is quick
        shutil.rmtree(folder / "x" / f"p{person}")
        shutil.rmtree(folder / "y" / f"p{person}")
    assert ensemble.fit(folder, deploy=False) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    names = [row[0] for row in rows if len(row) == 5]
    assert names == ["a", "b", "average", *(kind.name for kind in ensemble.KINDS), "chosen"]
    assert deployed.deployed(here) is None


def test_a_threshold_that_cannot_be_told_stops_it_and_leaves_nothing(
    here: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = filled(here, {"x": 1.5, "y": 1.5})
    monkeypatch.setattr(stack_writer, "RATES", (0.1,))
    with pytest.raises(StartupError, match="no threshold for a BPCER"):
        ensemble.fit(folder, only=QUICK)
    assert not list(deployed.stacks(here).iterdir())


def test_what_onnx_answers_otherwise_is_not_deployed(
    here: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = filled(here, {"x": 1.5, "y": 1.5})
    monkeypatch.setattr(stack_writer, "TOLERANCE", -1.0)
    with pytest.raises(StartupError, match="otherwise once it is written"):
        ensemble.fit(folder, only=QUICK)
    assert deployed.deployed(here) is None


def test_real_images_are_scored_once_and_by_each_detector_alone(
    here: Settings, tmp_path: Path
) -> None:
    folder = tmp_path / "labelled"
    for name in ("genuine/ada/1.jpg", "x/ada/1.jpg", "x/eve/broken.jpg"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"junk" if "broken" in name else genuine())
    table = score_folder(folder, here)
    assert (list(table.species), list(table.person)) == (["genuine", "x"], ["ada", "ada"])
    assert table.log_odds.shape == (2, 2)
    before = {name: kept(here, name).read_text() for name in "ab"}
    assert len(before["a"].splitlines()) == 3
    make_detector(here.models_dir, "c", gain=1.0)
    assert score_folder(folder, here).log_odds.shape == (2, 3)
    assert {name: kept(here, name).read_text() for name in "ab"} == before
    with kept(here, "a").open("a") as file:
        file.write('["half')
    assert (score_folder(folder, here).log_odds[:, 0] == table.log_odds[:, 0]).all()


def test_a_detector_that_does_not_answer_stops_it(here: Settings, tmp_path: Path) -> None:
    folder = here.data_dir / "models" / "away"
    folder.mkdir(parents=True)
    url = {"url": "http://127.0.0.1:1", "retries": 0}
    away = {"name": "away", "version": "1", "kind": "remote", **url}
    (folder / "manifest.json").write_text(json.dumps(away))
    image = tmp_path / "labelled" / "genuine" / "ada" / "1.jpg"
    image.parent.mkdir(parents=True)
    image.write_bytes(genuine())
    with pytest.raises(StartupError, match="away did not answer"):
        scores([image], tmp_path / "labelled", here, "away")


def test_a_damaged_fusion_stops_the_start_with_one_sentence(
    here: Settings, facegate: Callable[..., Any]
) -> None:
    ensemble.fit(filled(here, {"x": 1.5, "y": 1.5}), only=QUICK)
    (here.data_dir / "models" / "ensemble" / "model.onnx").write_bytes(b"junk")
    said = facegate("serve", data_dir=here.data_dir, models_dir=here.models_dir, port=free_port())
    assert said.returncode == 3
    assert "The model ensemble is damaged" in said.stderr
    assert facegate("models", "list", data_dir=here.data_dir).returncode == 1


def test_too_little_is_told(here: Settings, tmp_path: Path) -> None:
    (tmp_path / "labelled").mkdir()
    with pytest.raises(StartupError, match="0 genuine images, 0 species"):
        ensemble.fit(tmp_path / "labelled")


def test_one_detector_needs_no_fusion(
    here: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACEGATE_DETECTORS", "a")
    with pytest.raises(StartupError, match="two detectors"):
        ensemble.fit(tmp_path)


def test_a_classifier_that_is_not_there_is_told(facegate: Callable[..., Any]) -> None:
    said = facegate("ensemble", "fit", ".", "--only", "oracle")
    assert said.returncode == 3
    assert "There is no classifier named 'oracle'." in said.stderr


def test_every_worker_takes_it_over_without_a_restart(here: Settings, tmp_path: Path) -> None:
    """Fitted and deployed beside a running service; asked on, each of its workers notices."""
    with Live(tmp_path, models_dir=here.models_dir, workers=2) as live:
        lines = {"before": live.analyze(genuine()).json()["threshold"]}
        ensemble.fit(filled(here, {"x": 1.5, "y": 1.5}), only=QUICK)
        lines["after"] = asked_until(live, "fusion taken over", times=2)
        ensemble.rollback()
        lines["back"] = asked_until(live, "fusion taken over", times=4)
    point = json.loads(next(deployed.stacks(here).glob("*/manifest.json")).read_text())
    own = pytest.approx(point["operating_points"][0]["threshold"], abs=1e-4)
    assert lines == {"before": pytest.approx(0.6), "after": own, "back": pytest.approx(0.6)}


def asked_until(live: Live, told: str, times: int) -> float:
    """The threshold of the last answer, once the log has told something so often."""
    deadline = time.monotonic() + 60
    while live.log().count(told) < times and time.monotonic() < deadline:
        live.session.close()  # a connection stays with one worker
        image = genuine() + os.urandom(4)
        threshold: float = live.analyze(image).json()["threshold"]
    assert live.log().count(told) == times
    return threshold
