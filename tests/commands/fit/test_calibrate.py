"""`facegate calibrate`: what it fits, what it refuses, and that the service uses it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.analysis.decision.rules import log_odds, sigmoid
from service.analysis.image import Analyzer
from service.errors import StartupError
from service.fitting.calibration import fit
from service.fitting.dataset import Scored, genuine_or_labelled, score
from service.settings import Settings
from tests.albums import fill
from tests.commands.conftest import Run
from tests.images import genuine
from tests.live import Live
from tests.models import copy_face_detectors, make_detector
from tests.store.records import eventually


@pytest.fixture(scope="module")
def red(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    copy_face_detectors(folder)
    make_detector(folder, "red", gain=4.0)
    return folder


@pytest.fixture(scope="module")
def analyzer(red: Path) -> Analyzer:
    return Analyzer.load(Settings(models_dir=red), calibrated=False)


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """200 genuine images, 50 attacks that are redder."""
    folder = tmp_path_factory.mktemp("album")
    fill(folder / "real" / "phone", 200, 0.3, 0.9)
    fill(folder / "fake" / "swap", 50, 0.8, 1.2)
    return folder


@pytest.fixture(scope="module")
def fitted(analyzer: Analyzer, album: Path) -> str:
    scored = score(analyzer, Settings(), genuine_or_labelled(album / "real"))
    return fit(analyzer, scored, 0.05).model_dump_json()


@pytest.fixture
def calibrated(fitted: str, tmp_path: Path) -> Path:
    """The calibration by the genuine images, in the test's data folder."""
    (tmp_path / "data").mkdir()
    path = tmp_path / "data" / "calibration.json"
    path.write_text(fitted)
    return path


def scored_of(genuine: np.ndarray, attacks: np.ndarray) -> Scored:
    """Of log-odds."""
    logits, count = np.concatenate([genuine, attacks]), len(genuine) + len(attacks)
    fake = np.arange(count) >= len(genuine)
    return Scored(
        probability=np.array([sigmoid(value) for value in logits]), code=np.full(count, ""),
        fake=fake, source=np.where(fake, "swap", "cam"), group=np.arange(count).astype(str),
    )  # fmt: skip


def test_the_threshold_by_genuine_images_alone(calibrated: Path, red: Path, album: Path) -> None:
    found = json.loads(calibrated.read_text())
    (threshold,) = (p["threshold"] for p in found["operating_points"] if p["bpcer"] == 0.05)
    analyzer = Analyzer.load(Settings(models_dir=red), calibrated=False)
    images = sorted((album / "real" / "phone").iterdir())[-20:]
    above = [analyzer.analyze(path.read_bytes()).probability >= threshold for path in images]
    assert sum(above) == 10
    assert (found["slope"], found["intercept"], found["bpcer"]) == (1.0, 0.0, 0.05)


def test_the_file_says_what_it_is_of(calibrated: Path, analyzer: Analyzer) -> None:
    found = json.loads(calibrated.read_text())
    assert found["fitted_for"]["identity"] == analyzer.policy.identity
    assert found["fitted_for"]["models"][0] == "red 1.0.0"
    assert found["images"] == {"genuine": 200, "attacks": 0, "without_answer": 0}
    assert found["bpcer_interval"] == {"low": 0.0274, "high": 0.0896}
    assert found["made_at"].endswith("Z")


def test_only_points_that_can_be_stated(calibrated: Path) -> None:
    points = json.loads(calibrated.read_text())["operating_points"]
    assert [point["bpcer"] for point in points] == [0.05, 0.1]


def test_the_command(facegate: Run, red: Path, album: Path, fitted: str, tmp_path: Path) -> None:
    """It writes what was fitted, and nothing else anywhere: the models are not touched."""
    copy = Path(shutil.copytree(red, tmp_path / "models"))
    ran = facegate("calibrate", album / "real", models_dir=copy)
    assert ran.returncode == 0
    assert "for a BPCER of 5.00% (95 %: 2.74% to 8.96%), by 200 genuine images." in ran.stdout
    assert "The models' own threshold, 0.6000, refuses 0.00% of them." in ran.stdout
    written, same = (
        json.loads((tmp_path / "data" / "calibration.json").read_text()),
        {"made_at": ""},
    )
    assert written | same == json.loads(fitted) | same
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["calibration.json"]
    assert contents(copy) == contents(red)


def contents(folder: Path) -> dict[Path, bytes]:
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_the_service_uses_it(
    calibrated: Path, red: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("live")
    with Live(folder, models_dir=red, calibration=calibrated) as live:
        card, answer = live.get("/v1/model-card").json(), live.analyze(genuine()).json()
    assert card["calibration"] == json.loads(calibrated.read_text())
    threshold = card["operating_point"]["threshold"]
    assert answer["threshold"] == pytest.approx(threshold) != pytest.approx(0.6)


def test_the_log_tells_of_one_for_other_models(
    calibrated: Path, models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("live")
    with Live(folder, models_dir=models["bona_fide"], calibration=calibrated) as live:
        assert live.get("/v1/model-card").json()["calibration"] is None
        eventually(lambda: "calibration ignored" in live.log())


def test_serve_refuses_a_damaged_one(facegate: Run, calibrated: Path) -> None:
    calibrated.write_text("{")
    ran = facegate("serve", port=1)
    assert ran.returncode == 3
    assert "is not one that `facegate calibrate` wrote" in ran.stderr


def test_one_that_is_there_stays_unless_forced(
    facegate: Run, calibrated: Path, red: Path, album: Path
) -> None:
    before = calibrated.read_text()
    ran = facegate("calibrate", album, models_dir=red)
    assert ran.returncode == 3
    assert "There is a calibration already" in ran.stderr
    assert calibrated.read_text() == before
    assert facegate("calibrate", album, "--force", models_dir=red).returncode == 0
    assert json.loads(calibrated.read_text())["images"]["attacks"] == 50


def test_a_new_one_is_fitted_without_the_old_one(
    facegate: Run, calibrated: Path, red: Path, album: Path
) -> None:
    """The old one is made to double all log-odds; the new slope must not be half of it."""
    old = json.loads(calibrated.read_text()) | {"slope": 2.0}
    calibrated.write_text(json.dumps(old))
    facegate("calibrate", album / "real", "--force", models_dir=red)
    new = json.loads(calibrated.read_text())
    assert new["slope"] == 1.0
    assert new["operating_points"] == old["operating_points"]


def test_back_to_the_models_own(facegate: Run, calibrated: Path) -> None:
    ran = facegate("calibrate", "--remove")
    assert (ran.returncode, calibrated.exists()) == (0, False)
    assert facegate("calibrate", "--remove").stdout.startswith("There is no calibration in")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "Name a folder, or --remove."),
        (("real", "--remove"), "Name a folder, or --remove."),
        (("nowhere",), "There is no image file in nowhere."),
        (("real",), "3 genuine images are too few to state a BPCER of 0.05: 200 are needed."),
        (("real", "--bpcer", 0.01), "are too few to state a BPCER of 0.01: 1,000 are needed."),
    ],
)
def test_refusals(
    facegate: Run, tmp_path: Path, red: Path, arguments: tuple[Any, ...], sentence: str
) -> None:
    fill(tmp_path / "real", 3, 0.5, 0.6)
    ran = facegate("calibrate", *arguments, models_dir=red)
    assert ran.returncode == 3
    assert sentence in ran.stderr
    assert not (tmp_path / "data").exists()


def test_a_data_folder_that_cannot_be_made(
    facegate: Run, red: Path, album: Path, tmp_path: Path
) -> None:
    (tmp_path / "data").touch()
    ran = facegate("calibrate", album, models_dir=red)
    assert ran.returncode == 3
    assert "cannot be written" in ran.stderr


def test_another_file_in_the_setting_is_told(facegate: Run, calibrated: Path) -> None:
    ran = facegate("calibrate", "--remove", calibration="other.json")
    assert "FACEGATE_CALIBRATION is set, so other.json counts" in ran.stderr


def test_votes_are_refused(facegate: Run, red: Path, album: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(red, tmp_path / "models"))
    make_detector(folder, "shy", gain=1.0)
    ran = facegate("calibrate", album, models_dir=folder, fusion="voting")
    assert "Votes cannot be calibrated." in ran.stderr


def test_the_same_score_for_all_is_refused(facegate: Run, models: Any, album: Path) -> None:
    ran = facegate("calibrate", album / "real", models_dir=models["bona_fide"])
    assert ran.returncode == 3
    assert "Too many of these images have the same score" in ran.stderr


def test_the_scale_is_found(analyzer: Analyzer) -> None:
    """Log-odds that were halved and shifted: the fit undoes it."""
    rng = np.random.default_rng(0)
    truth = rng.normal(0, 3, 20_000)
    fake = rng.random(20_000) < 1 / (1 + np.exp(-truth))
    shown = truth / 2 + 1
    found = fit(analyzer, scored_of(shown[~fake], shown[fake]), 0.05)
    assert found.slope == pytest.approx(2, abs=0.1)
    assert found.intercept == pytest.approx(-2, abs=0.15)


def test_classes_without_overlap_have_a_finite_scale(analyzer: Analyzer) -> None:
    found = fit(analyzer, scored_of(np.linspace(-3, -1, 200), np.linspace(1, 3, 100)), 0.05)
    assert 1 < found.slope < 20
    assert found.threshold(0.05) < 0.5


def test_attacks_that_score_lower_are_refused(analyzer: Analyzer) -> None:
    with pytest.raises(StartupError, match="do not tell these attacks from genuine"):
        fit(analyzer, scored_of(np.linspace(0, 3, 300), np.linspace(-3, 1, 100)), 0.05)


def test_few_attacks_are_refused(analyzer: Analyzer) -> None:
    with pytest.raises(StartupError, match="9 attacks are too few"):
        fit(analyzer, scored_of(np.linspace(-3, 0, 300), np.linspace(1, 3, 9)), 0.05)


def test_a_threshold_that_comes_out_of_it_keeps_its_promise(analyzer: Analyzer) -> None:
    """Between genuine images of one kind: fitted on half, the rate of the other half is near."""
    rng = np.random.default_rng(1)
    found = fit(analyzer, scored_of(rng.normal(-2, 2, 4000), np.array([])), 0.05)
    others = np.array([sigmoid(value) for value in rng.normal(-2, 2, 4000)])
    share = float((others >= found.threshold(0.05)).mean())
    assert found.bpcer_interval.low - 0.01 < share < found.bpcer_interval.high + 0.01
    assert log_odds(found.threshold(0.05)) == pytest.approx(-2 + 1.645 * 2, abs=0.3)
