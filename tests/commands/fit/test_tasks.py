"""`evaluate`, `calibrate` and `train` of presentation attacks: nothing of deepfakes is touched."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from service.analysis.image import Analyzer
from service.settings import Settings
from tests.albums import fill_tinted
from tests.commands.conftest import command_in
from tests.commands.fit.trainings import BPCER, Trained, train_in
from tests.headed import POINTS, make_headed
from tests.images import genuine
from tests.models import copy_face_detectors, make_detector

pytestmark = pytest.mark.slow  # each takes little, all of them much

TASK = ("--task", "presentation_attack")


@pytest.fixture(scope="module")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`red` finds deepfakes, `grid` presentation attacks."""
    folder = tmp_path_factory.mktemp("models")
    copy_face_detectors(folder)
    make_detector(folder, "red", gain=0.0, bias=-3.0, operating_points=POINTS)
    make_headed(folder, task=TASK[1])
    return folder


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("album")
    fill_tinted(folder / "real" / "phone", 180, 0)
    fill_tinted(folder / "fake" / "replay", 180, 30)
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, models_dir: Path, album: Path) -> Trained:
    return train_in(tmp_path_factory.mktemp("trained"), album, models_dir, *TASK)


def analyzer(models_dir: Path, data: Path) -> Analyzer:
    return Analyzer.load(Settings(models_dir=models_dir, data_dir=data, bpcer=BPCER))


def test_a_head_and_its_threshold_lie_in_a_folder_of_the_task(run: Trained) -> None:
    ran, data = run
    assert ran.returncode == 0, ran.stderr
    assert (data / "presentation_attack" / "heads" / "heads.json").exists()
    assert (data / "presentation_attack" / "calibration.json").exists()
    assert not (data / "heads").exists()
    assert not (data / "calibration.json").exists()


def test_they_count_for_their_task_alone(run: Trained, models_dir: Path, tmp_path: Path) -> None:
    shipped, own = analyzer(models_dir, tmp_path), analyzer(models_dir, run[1])
    assert own.policy.fingerprint == shipped.policy.fingerprint
    assert own.fingerprint != shipped.fingerprint
    assert not own.ignored_calibration
    before, after = (one.analyze(genuine()).findings for one in (shipped, own))
    assert before[0] == after[0]
    assert before[1].threshold != after[1].threshold


def test_a_task_can_be_evaluated(models_dir: Path, tmp_path: Path) -> None:
    album, command = tmp_path / "album", command_in(tmp_path)
    fill_tinted(album / "real" / "phone", 8, 0)
    fill_tinted(album / "fake" / "replay", 8, 30)
    ran = command("evaluate", album, *TASK, "--format", "json", models_dir=models_dir, bpcer=BPCER)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["models"][0].startswith("grid")


def test_it_is_taken_back_alone(run: Trained, models_dir: Path) -> None:
    data = run[1]
    removed = command_in(data.parent)(
        "train", "--remove", *TASK, models_dir=models_dir, bpcer=BPCER
    )
    assert removed.returncode == 0
    assert not (data / "presentation_attack" / "calibration.json").exists()
