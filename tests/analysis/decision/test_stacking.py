"""The trained fusion: found where it fits, one probability, one threshold."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from service.analysis.decision.rules import log_odds, sigmoid
from service.analysis.image import Analyzer
from service.errors import StartupError
from service.settings import Settings
from tests.images import genuine
from tests.models import make_detector


@pytest.fixture
def two_detectors(models_dir: Path) -> Path:
    make_detector(models_dir, "red", fast=True)
    make_detector(models_dir, "shy", gain=1.0, bias=-4.0)
    return models_dir


def make_stack(models_dir: Path, weights: tuple[float, float] = (0.5, 2.0), **changes: Any) -> None:
    names = zip(("red", "shy"), weights, strict=True)
    fields = {
        "name": "stack",
        "version": "1.0.0",
        "kind": "fusion",
        "inputs": [{"name": name, "version": "1.0.0", "weight": w} for name, w in names],
        "intercept": 1.0,
        "operating_points": [
            {"bpcer": 0.01, "threshold": 0.8},
            {"bpcer": 0.05, "threshold": 0.3},
        ],
        "default_bpcer": 0.05,
    }
    folder = models_dir / "stack"
    folder.mkdir()
    (folder / "manifest.json").write_text(json.dumps(fields | changes))


def analyzer_of(models_dir: Path, **settings: Any) -> Analyzer:
    return Analyzer.load(Settings(models_dir=models_dir, **settings))


def test_the_trained_fusion_weighs_log_odds(two_detectors: Path) -> None:
    make_stack(two_detectors)
    analysis = analyzer_of(two_detectors).analyze(genuine())
    red, shy = (log_odds(score.probability) for score in analysis.faces[0].detectors)
    assert analysis.probability == pytest.approx(sigmoid(1.0 + 0.5 * red + 2.0 * shy))
    assert (analysis.fusion, analysis.threshold) == ("stacking", 0.3)


def test_weights_go_by_name_not_by_place(two_detectors: Path) -> None:
    make_stack(two_detectors, inputs=[
        {"name": "shy", "version": "1.0.0", "weight": 0.0},
        {"name": "red", "version": "1.0.0", "weight": 1.0},
    ], intercept=0.0)  # fmt: skip
    analysis = analyzer_of(two_detectors).analyze(genuine())
    assert analysis.probability == pytest.approx(analysis.faces[0].detectors[0].probability)


def test_its_threshold_goes_by_the_bpcer(two_detectors: Path) -> None:
    make_stack(two_detectors)
    assert analyzer_of(two_detectors, bpcer=0.01).policy.fusion.threshold == 0.8
    middle = analyzer_of(two_detectors, bpcer=math.sqrt(0.01 * 0.05)).policy.fusion.threshold
    assert middle == pytest.approx(0.55)


def test_a_bpcer_beyond_its_points_is_refused(two_detectors: Path) -> None:
    make_stack(two_detectors)
    with pytest.raises(StartupError, match="stack has no threshold"):
        analyzer_of(two_detectors, bpcer=0.09)


@pytest.mark.parametrize(
    "inputs",
    [
        [("red", "1.0.0"), ("shy", "1.0.1")],
        [("red", "1.0.0"), ("other", "1.0.0")],
        [("red", "1.0.0"), ("shy", "1.0.0"), ("third", "1.0.0")],
    ],
)
def test_a_fusion_of_other_detectors_is_left_alone(
    two_detectors: Path, inputs: list[tuple[str, str]]
) -> None:
    fields = [{"name": name, "version": version, "weight": 1.0} for name, version in inputs]
    make_stack(two_detectors, inputs=fields)
    assert analyzer_of(two_detectors).analyze(genuine()).fusion == "average"


def test_a_fixed_rule_can_be_asked_for(two_detectors: Path) -> None:
    make_stack(two_detectors)
    assert analyzer_of(two_detectors, fusion="max").analyze(genuine()).fusion == "max"


@pytest.mark.parametrize("changes", [{"intercept": None}, {"inputs": []}, {"operating_points": []}])
def test_an_unusable_fusion_is_refused(two_detectors: Path, changes: dict[str, Any]) -> None:
    make_stack(two_detectors, **changes)
    with pytest.raises(StartupError, match="The manifest of the model stack is unusable"):
        analyzer_of(two_detectors)


def test_another_fusion_is_another_fingerprint(two_detectors: Path) -> None:
    before = analyzer_of(two_detectors).fingerprint
    make_stack(two_detectors)
    assert analyzer_of(two_detectors).fingerprint != before


def test_the_card_shows_the_fusion(two_detectors: Path) -> None:
    make_stack(two_detectors)
    fusion: Any = analyzer_of(two_detectors).model_card()["fusion"]
    assert fusion["manifest"]["inputs"][1] == {"name": "shy", "version": "1.0.0", "weight": 2.0}


def test_the_fast_profile_runs_the_fast_detectors_alone(two_detectors: Path) -> None:
    make_stack(two_detectors)
    analysis = analyzer_of(two_detectors, profile="fast").analyze(genuine())
    assert [score.name for score in analysis.faces[0].detectors] == ["red"]
    assert (analysis.fusion, analysis.threshold) == ("single", 0.6)


def test_named_detectors_go_before_the_profile(two_detectors: Path) -> None:
    analyzer = analyzer_of(two_detectors, profile="fast", detectors="shy")
    assert analyzer.models[0].name == "shy"


def test_where_none_is_fast_all_run(models_dir: Path) -> None:
    make_detector(models_dir, "red")
    assert analyzer_of(models_dir, profile="fast").models[0].name == "red"
