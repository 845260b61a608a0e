"""An operator's calibration: laid over the fusion it was fitted for, and over no other."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from service.analysis.decision.rules import log_odds, sigmoid
from service.analysis.image import Analyzer
from service.errors import StartupError
from service.settings import Settings
from tests.analysis.decision.test_stacking import make_stack
from tests.images import genuine
from tests.models import make_detector

MakeAnalyzer = Callable[..., Analyzer]


def write(folder: Path, analyzer: Analyzer, **changes: Any) -> Path:
    """A calibration for this analyzer's models, as the data folder's calibration.json."""
    fields = {
        "kind": "calibration",
        "made_at": "2026-11-21T12:00:00Z",
        "service": "0.1.0",
        "fitted_for": {
            "identity": analyzer.policy.identity,
            "models": ["red 1.0.0"],
            "fusion": "single",
        },
        "images": {"genuine": 500, "attacks": 100, "without_answer": 0},
        "bpcer": 0.02,
        "bpcer_interval": {"low": 0.01, "high": 0.04},
        "slope": 2.0,
        "intercept": -0.5,
        "operating_points": [
            {"bpcer": 0.02, "threshold": 0.8},
            {"bpcer": 0.1, "threshold": 0.3},
        ],
    }
    path = folder / "calibration.json"
    path.write_text(json.dumps(fields | changes))
    return path


@pytest.fixture
def calibrated(
    tmp_path: Path, analyzer: Analyzer, make_analyzer: MakeAnalyzer
) -> Callable[..., Analyzer]:
    """`calibrated(bpcer=0.1)`: an analyzer whose data folder holds a calibration."""
    write(tmp_path, analyzer)
    return lambda **settings: make_analyzer(data_dir=tmp_path, **settings)


def test_it_rescales_the_log_odds_and_sets_the_threshold(
    analyzer: Analyzer, calibrated: MakeAnalyzer
) -> None:
    plain, other = analyzer.analyze(genuine()), calibrated().analyze(genuine())
    assert other.probability == pytest.approx(sigmoid(2 * log_odds(plain.probability) - 0.5))
    assert (other.threshold, other.bpcer, other.fusion) == (0.8, 0.02, "single")
    assert other.faces[0].detectors == plain.faces[0].detectors


def test_it_lies_over_the_trained_fusion(models_dir: Path, tmp_path: Path) -> None:
    make_detector(models_dir, "red")
    make_detector(models_dir, "shy", gain=1.0, bias=-4.0)
    make_stack(models_dir)
    settings = Settings(models_dir=models_dir, data_dir=tmp_path)
    plain = Analyzer.load(settings)
    write(tmp_path, plain)
    known = plain.analyze(genuine()).probability
    found = Analyzer.load(settings).analyze(genuine())
    assert found.probability == pytest.approx(sigmoid(2 * log_odds(known) - 0.5))
    assert (found.fusion, found.threshold) == ("stacking", 0.8)


def test_the_setting_picks_from_its_points(calibrated: MakeAnalyzer) -> None:
    analyzer = calibrated(bpcer=0.1)
    assert (analyzer.policy.fusion.threshold, analyzer.policy.bpcer) == (0.3, 0.1)
    assert analyzer.analyze(genuine()).bpcer == 0.1


def test_a_rate_beyond_its_points_is_refused(calibrated: MakeAnalyzer) -> None:
    with pytest.raises(StartupError, match="The calibration has no threshold for a BPCER"):
        calibrated(bpcer=0.01)


def test_it_is_another_fingerprint(
    analyzer: Analyzer, calibrated: MakeAnalyzer, tmp_path: Path
) -> None:
    first = calibrated().fingerprint
    write(tmp_path, analyzer, intercept=-0.6)
    assert len({analyzer.fingerprint, first, calibrated().fingerprint}) == 3


def test_it_is_not_part_of_what_it_is_fitted_for(
    analyzer: Analyzer, calibrated: MakeAnalyzer
) -> None:
    assert calibrated().policy.identity == analyzer.policy.identity


def test_the_card_shows_it(analyzer: Analyzer, calibrated: MakeAnalyzer) -> None:
    assert analyzer.model_card()["calibration"] is None
    card: Any = calibrated().model_card()
    assert card["calibration"]["images"]["genuine"] == 500
    assert card["operating_point"] == {"bpcer": 0.02, "threshold": 0.8}
    json.dumps(card)


@pytest.mark.parametrize(
    "changes",
    [
        {"version": "1.0.1"},
        {"calibration": {"slope": 1.1, "intercept": 0.0}},
        {"bias": 0.1},
        {"crop": {"margin": 1.4}},
    ],
)
def test_other_models_ignore_it(models_dir: Path, tmp_path: Path, changes: dict[str, Any]) -> None:
    make_detector(models_dir, "red")
    settings = Settings(models_dir=models_dir, data_dir=tmp_path)
    write(tmp_path, Analyzer.load(settings))
    assert Analyzer.load(settings).policy.calibration is not None
    for file in (models_dir / "red").iterdir():
        file.unlink()
    (models_dir / "red").rmdir()
    make_detector(models_dir, "red", **changes)
    analyzer = Analyzer.load(settings)
    assert (analyzer.policy.calibration, analyzer.ignored_calibration) == (None, True)
    assert analyzer.policy.fusion.threshold == 0.6


def test_another_rule_of_fusion_ignores_it(models_dir: Path, tmp_path: Path) -> None:
    make_detector(models_dir, "red")
    make_detector(models_dir, "shy", gain=1.0)
    settings = Settings(models_dir=models_dir, data_dir=tmp_path, fusion="max")
    write(tmp_path, Analyzer.load(settings))
    assert Analyzer.load(settings).policy.calibration is not None
    assert Analyzer.load(settings.model_copy(update={"fusion": "average"})).ignored_calibration


def test_a_setting_names_another_place(
    analyzer: Analyzer, make_analyzer: MakeAnalyzer, tmp_path: Path
) -> None:
    path = write(tmp_path, analyzer).rename(tmp_path / "mine.json")
    assert make_analyzer(data_dir=tmp_path).policy.calibration is None
    assert make_analyzer(data_dir=tmp_path, calibration=path).policy.calibration is not None


def test_a_named_file_that_is_missing_is_refused(
    make_analyzer: MakeAnalyzer, tmp_path: Path
) -> None:
    with pytest.raises(StartupError, match="cannot be read: No such file"):
        make_analyzer(calibration=tmp_path / "nowhere.json")


@pytest.mark.parametrize(
    "changes",
    [
        {"slope": 0},
        {"slope": -1.0},
        {"intercept": float("nan")},
        {"kind": "detector"},
        {"operating_points": []},
        {"operating_points": [{"bpcer": b, "threshold": b} for b in (0.01, 0.1)]},
        {"fitted_for": None},
    ],
)
def test_an_unusable_file_is_refused(
    analyzer: Analyzer, calibrated: MakeAnalyzer, tmp_path: Path, changes: dict[str, Any]
) -> None:
    write(tmp_path, analyzer, **changes)
    with pytest.raises(StartupError, match="is not one that `facegate calibrate` wrote"):
        calibrated()


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff\xfe", b"{}"])
def test_a_file_that_is_something_else_is_refused(
    calibrated: MakeAnalyzer, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "calibration.json").write_bytes(content)
    with pytest.raises(StartupError, match="is not one that `facegate calibrate` wrote"):
        calibrated()


def test_it_can_be_left_out(
    analyzer: Analyzer, calibrated: MakeAnalyzer, red_models: Path, tmp_path: Path
) -> None:
    settings = Settings(models_dir=red_models, data_dir=tmp_path)
    assert Analyzer.load(settings, calibrated=False).fingerprint == analyzer.fingerprint
