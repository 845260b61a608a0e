"""A head of an operator's own, laid over a model: what it answers, and what notices it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import structlog

from service.analysis.detectors.load import load_detectors
from service.analysis.detectors.onnx import OnnxDetector
from service.analysis.face.blazeface import Face
from service.analysis.face.crop import Portrait
from service.analysis.image import Analyzer
from service.errors import StartupError
from service.repository.heads import write_heads
from service.repository.registry import check_models, ignored_heads
from service.settings import Settings
from tests.head_records import own_head
from tests.headed import CELLS, FEATURES, HEAD, make_headed, shipped_weight
from tests.images import genuine
from tests.models import copy_face_detectors, make_detector

BLUE = np.full((100, 100, 3), (0, 0, 255), np.uint8)
SEEN = Portrait(BLUE, Face(20, 20, 60, 60, 0.9, np.zeros((6, 2))))
LIKES_BLUE = np.repeat(np.float32([[0, 0, 2 / CELLS]]), CELLS, axis=1)
IDENTITY = "0" * 64


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The detector `grid` and the face detectors, in a models folder that a test may change."""
    models_dir = tmp_path / "models"
    copy_face_detectors(models_dir)
    make_headed(models_dir)
    return Settings(models_dir=models_dir, data_dir=tmp_path / "data")


def keep(settings: Settings, weight: np.ndarray = LIKES_BLUE, **changes: Any) -> None:
    write_heads(settings, IDENTITY, [own_head(settings.models_dir / "grid", weight, **changes)])


def only(settings: Settings) -> OnnxDetector:
    (detector,) = load_detectors(settings)
    assert isinstance(detector, OnnxDetector)
    return detector


def test_the_features_make_the_logit(settings: Settings) -> None:
    probability, features = only(settings).features(SEEN)
    weight, bias = only(settings).head()
    assert features.shape == weight.shape == (FEATURES,)
    assert np.log(probability / (1 - probability)) == pytest.approx(features @ weight + bias)
    assert only(settings).predict(SEEN).probability == pytest.approx(probability)


def test_the_shipped_head_is_read_from_the_file(settings: Settings) -> None:
    weight, bias = only(settings).head()
    assert (weight.tolist(), bias) == (shipped_weight().ravel().tolist(), 0.25)


def test_it_is_laid_over_the_model(settings: Settings) -> None:
    before = only(settings).predict(SEEN).probability
    keep(settings)
    detector = only(settings)
    assert before == pytest.approx(1 / (1 + np.exp(4 - 0.25)), abs=1e-4)
    assert detector.predict(SEEN).probability == pytest.approx(1 / (1 + np.exp(-2)), abs=1e-4)
    assert detector.head()[0].tolist() == LIKES_BLUE.ravel().tolist()


def test_its_own_calibration_and_threshold_count(settings: Settings) -> None:
    keep(settings, calibration={"slope": 2.0, "intercept": -1.0})
    detector = only(settings)
    assert detector.predict(SEEN).probability == pytest.approx(1 / (1 + np.exp(-3)), abs=1e-4)
    assert detector.threshold == 0.7


def test_the_models_folder_is_not_touched(settings: Settings) -> None:
    before = {path: path.read_bytes() for path in settings.models_dir.rglob("*.*")}
    keep(settings)
    only(settings)
    assert {path: path.read_bytes() for path in settings.models_dir.rglob("*.*")} == before


def test_identity_and_fingerprint_change_with_every_head(settings: Settings) -> None:
    found = {Analyzer.load(settings).fingerprint: only(settings).identity}
    for weight in (LIKES_BLUE, -LIKES_BLUE):
        keep(settings, weight)
        found[Analyzer.load(settings).fingerprint] = only(settings).identity
    assert len(found) == len(set(found.values())) == 3


def test_the_card_tells_of_it_and_not_of_the_shipped_figures(settings: Settings) -> None:
    (settings.models_dir / "grid" / "metrics.json").write_text('{"auc": 0.9}')
    shipped = only(settings).card()
    keep(settings)
    card = only(settings).card()
    assert (shipped["own_head"], shipped["metrics"]) == (None, {"auc": 0.9})
    assert card["metrics"] is None
    assert card["own_head"]["made_at"] == "2026-11-21T12:00:00Z"  # type: ignore[index]
    assert card["own_head"]["figures"]["auc_after"]["value"] == 0.9  # type: ignore[index]
    assert card["operating_point"] == {"bpcer": 0.05, "threshold": 0.7}


def test_the_analyzer_judges_by_it(settings: Settings) -> None:
    before = Analyzer.load(settings).analyze(genuine())
    keep(settings)
    after = Analyzer.load(settings).analyze(genuine())
    assert after.threshold == 0.7
    assert abs(after.probability - before.probability) > 0.01


def test_one_for_another_version_is_ignored_with_a_warning(settings: Settings) -> None:
    keep(settings)
    for file in (settings.models_dir / "grid").iterdir():
        file.unlink()
    (settings.models_dir / "grid").rmdir()
    make_headed(settings.models_dir, version="1.0.1")
    with structlog.testing.capture_logs() as lines:
        detector = only(settings)
    assert detector.own_head is None
    assert [(line["event"], line["model"]) for line in lines] == [("head ignored", "grid")]
    assert ignored_heads(settings) == ["grid"]


def test_one_that_fits_is_no_reason_to_warn(settings: Settings) -> None:
    keep(settings)
    with structlog.testing.capture_logs() as lines:
        only(settings)
    assert (lines, ignored_heads(settings)) == ([], [])


def test_none_of_the_data_folder_where_others_are_named(settings: Settings) -> None:
    keep(settings)
    (detector,) = load_detectors(settings, {})
    assert detector.identity == detector.manifest.identity  # type: ignore[attr-defined]


def test_other_detectors_do_not_mind(settings: Settings) -> None:
    keep(settings)
    make_detector(settings.models_dir, "red")
    grid, red = load_detectors(settings)
    assert (grid.own_head is None, red.own_head) == (False, None)  # type: ignore[attr-defined]


def test_a_bpcer_that_it_has_no_threshold_for_is_refused(settings: Settings) -> None:
    keep(settings)
    check_models(settings)
    with pytest.raises(StartupError, match="Your own head of the model grid has no"):
        check_models(settings.model_copy(update={"bpcer": 0.02}))


def test_a_damaged_one_is_refused_before_anything_is_opened(settings: Settings) -> None:
    keep(settings)
    (settings.data_dir / "heads" / "heads.json").write_text("{")
    with pytest.raises(StartupError, match=r"heads\.json, is not one that `facegate train` wrote"):
        check_models(settings)


@pytest.mark.parametrize(
    ("changes", "can"),
    [({}, True), ({"head": None}, False), ({"output": {"logit": "logit"}}, False)],
)
def test_a_manifest_says_whether_it_can_be_retrained(
    tmp_path: Path, changes: dict[str, Any], can: bool
) -> None:
    assert OnnxDetector(make_headed(tmp_path, **changes), bpcer=0.05).can_be_retrained is can


def test_where_the_shipped_head_is_tuned_that_one_counts_and_gives_way(tmp_path: Path) -> None:
    """The base has a head of its own, the release tunes it, the operator replaces it."""
    folder = make_headed(tmp_path)
    np.savez(folder / "tuned.npz", **{"head.weight": -shipped_weight()})
    digest = hashlib.sha256((folder / "tuned.npz").read_bytes()).hexdigest()
    fields = json.loads((folder / "manifest.json").read_text())
    fields["tuned"] = {"file": "tuned.npz", "sha256": digest}
    (folder / "manifest.json").write_text(json.dumps(fields))
    shipped = OnnxDetector(folder, bpcer=0.05)
    own = OnnxDetector(folder, bpcer=0.05, own_head=own_head(folder, LIKES_BLUE))
    assert shipped.head()[0].tolist() == (-shipped_weight()).ravel().tolist()
    assert own.head()[0].tolist() == LIKES_BLUE.ravel().tolist()
    assert own.predict(SEEN).probability == pytest.approx(1 / (1 + np.exp(-2)), abs=1e-4)


def test_a_head_that_the_file_lacks_is_told(tmp_path: Path) -> None:
    detector = OnnxDetector(make_headed(tmp_path, head=HEAD | {"bias": "nosuch"}), bpcer=0.05)
    with pytest.raises(StartupError, match="The head of the model grid cannot be read"):
        detector.head()
