"""Detectors from folders: which ones are loaded, what they answer, how a bad one is refused."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from service.analysis.detectors.load import load_detectors
from service.analysis.detectors.onnx import OnnxDetector
from service.analysis.face.blazeface import Face
from service.analysis.face.crop import Portrait
from service.errors import StartupError
from service.repository.registry import check_models
from tests.models import GRID, make_detector, manifest, settings

FACE = Face(20, 20, 60, 60, 0.9, np.zeros((6, 2)))


def red(level: int) -> Portrait:
    return Portrait(np.full((100, 100, 3), (level, 0, 0), np.uint8), FACE)


def load(folder: Path) -> OnnxDetector:
    return OnnxDetector(folder, bpcer=0.05)


def test_probability_is_the_calibrated_logit(tmp_path: Path) -> None:
    calibration = {"slope": 2.0, "intercept": -1.0}
    detector = load(make_detector(tmp_path, gain=1.0, calibration=calibration))
    assert detector.predict(red(255)).probability == pytest.approx(1 / (1 + np.exp(-1)))
    assert detector.predict(red(0)).probability == pytest.approx(1 / (1 + np.exp(3)))


def test_extreme_logits_do_not_overflow(tmp_path: Path) -> None:
    detector = load(make_detector(tmp_path, gain=1e6))
    assert detector.predict(red(255)).probability == 1.0
    assert detector.predict(red(0)).probability == 0.0


def test_the_map_comes_only_to_explain(tmp_path: Path) -> None:
    detector = load(make_detector(tmp_path))
    assert detector.predict(red(255)).heat_map is None
    prediction = detector.predict(red(255), explain=True)
    assert prediction.box == (11, 11, 78)
    assert prediction.heat_map is not None
    assert prediction.heat_map == pytest.approx(np.full((GRID, GRID), 4.0), abs=0.1)


def test_a_model_without_a_map_explains_nothing(tmp_path: Path) -> None:
    detector = load(make_detector(tmp_path, output={"logit": "logit"}))
    assert detector.predict(red(255), explain=True).heat_map is None


def test_the_session_is_bound_to_one_cpu_thread(tmp_path: Path) -> None:
    session = load(make_detector(tmp_path))._session
    options = session.get_session_options()
    assert session.get_providers() == ["CPUExecutionProvider"]
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (1, 1)
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"


def test_card_has_manifest_operating_point_and_figures(tmp_path: Path) -> None:
    folder = make_detector(tmp_path)
    assert load(folder).card()["metrics"] is None
    (folder / "metrics.json").write_text('{"auc": 0.7}')
    card = load(folder).card()
    assert card["metrics"] == {"auc": 0.7}
    assert card["operating_point"] == {"bpcer": 0.05, "threshold": 0.6}
    assert card["licence"] == "Apache-2.0"


def test_a_logit_that_is_not_finite_fails_the_self_test(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="red fails its self-test"):
        load(make_detector(tmp_path, bias=float("nan")))


@pytest.mark.parametrize(("apart", "fails"), [(0.1, False), (0.9, True)])
def test_other_answers_than_where_it_was_measured_fail_the_self_test(
    tmp_path: Path, apart: float, fails: bool
) -> None:
    folder = make_detector(tmp_path)
    known = load(folder).pattern_logit() + apart
    fields = {**json.loads((folder / "manifest.json").read_text()), "known_logit": known}
    (folder / "manifest.json").write_text(json.dumps(fields))
    refused = pytest.raises(StartupError, match="red does not answer on this CPU as it did")
    with refused if fails else contextlib.nullcontext():
        load(folder)


def test_a_file_that_is_no_model_is_one_sentence(tmp_path: Path) -> None:
    folder = make_detector(tmp_path)
    (folder / "model.onnx").write_bytes(b"not a model")
    (folder / "manifest.json").write_text(json.dumps(manifest(folder)))
    with pytest.raises(StartupError, match="red cannot be run") as caught:
        load(folder)
    assert str(tmp_path) not in caught.value.sentence


@pytest.mark.parametrize(
    "changes",
    [
        {"output": {"logit": "nosuch"}},
        {"input": {"name": "nosuch", "size": 32, "mean": [0.5] * 3, "std": [0.5] * 3}},
        {"input": {"name": "image", "size": 64, "mean": [0.5] * 3, "std": [0.5] * 3}},
        {"output": {"logit": "cam"}},
    ],
)
def test_a_manifest_that_does_not_fit_its_model(tmp_path: Path, changes: dict[str, object]) -> None:
    with pytest.raises(StartupError, match="red cannot be run"):
        load(make_detector(tmp_path, **changes))


def test_every_detector_is_loaded_in_the_order_of_names(models_dir: Path) -> None:
    make_detector(models_dir, "zebra")
    make_detector(models_dir, "ant")
    assert [one.name for one in load_detectors(settings(models_dir))] == ["ant", "zebra"]


def test_only_the_named_detectors_are_loaded(models_dir: Path) -> None:
    for name in ("ant", "bee", "cat"):
        make_detector(models_dir, name)
    loaded = load_detectors(settings(models_dir, detectors="cat,ant"))
    assert [one.name for one in loaded] == ["cat", "ant"]


def test_an_unknown_detector_is_refused(models_dir: Path) -> None:
    make_detector(models_dir, "ant")
    with pytest.raises(StartupError, match="no detector named elk") as caught:
        load_detectors(settings(models_dir, detectors="elk"))
    assert "ant" in caught.value.remedy


def test_no_detector_is_refused(models_dir: Path) -> None:
    with pytest.raises(StartupError, match="no detector in the models folder"):
        load_detectors(settings(models_dir))


def test_check_finds_a_damaged_face_detector(models_dir: Path) -> None:
    make_detector(models_dir)
    check_models(settings(models_dir))
    with (models_dir / "blazeface-full" / "model.onnx").open("ab") as file:
        file.write(b"!")
    with pytest.raises(StartupError, match="blazeface-full is damaged"):
        check_models(settings(models_dir))


def test_check_finds_a_missing_operating_point(models_dir: Path) -> None:
    make_detector(models_dir)
    with pytest.raises(StartupError, match=r"no threshold for a BPCER of 0\.5"):
        check_models(settings(models_dir, bpcer=0.5))


def test_checking_does_not_load_onnx_runtime() -> None:
    """It happens before the fork."""
    code = "import sys, service.repository.registry; sys.exit('onnxruntime' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
