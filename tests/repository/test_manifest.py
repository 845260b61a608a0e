"""Manifests: what is sound, what is refused with one sentence, and the threshold of a BPCER."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from service.errors import StartupError
from service.repository.manifest import load_manifest
from tests.models import make_detector


def refused(folder: Path) -> StartupError:
    """One sentence and a remedy, naming the model but no path."""
    with pytest.raises(StartupError) as caught:
        load_manifest(folder)
    assert folder.name in caught.value.sentence
    assert str(folder.parent) not in caught.value.sentence + caught.value.remedy
    assert caught.value.sentence.count(". ") == 0
    assert caught.value.remedy
    return caught.value


def test_sound(tmp_path: Path) -> None:
    manifest = load_manifest(make_detector(tmp_path))
    assert (manifest.name, manifest.version, manifest.crop.margin) == ("red", "1.0.0", 1.3)


def test_a_field_of_tomorrow_is_no_error(tmp_path: Path) -> None:
    assert load_manifest(make_detector(tmp_path, grids=[[16, 2]])).name == "red"


@pytest.mark.parametrize(
    "changes",
    [
        {"input": {"name": "image", "size": 0, "mean": [0.5] * 3, "std": [0.5] * 3}},
        {"input": {"name": "image", "size": 32, "mean": [0.5] * 2, "std": [0.5] * 3}},
        {"input": {"name": "image", "size": 32, "mean": [0.5] * 3, "std": [0.5, 0, 0.5]}},
        {"crop": {"margin": 0.2}},
        {"calibration": {"slope": -1.0, "intercept": 0.0}},
        {"calibration": {"slope": 1.0, "intercept": float("nan")}},
        {"operating_points": []},
        {"operating_points": [{"bpcer": 0.05, "threshold": 1.5}]},
        {"operating_points": [{"bpcer": 0.05, "threshold": 0.5}] * 2},
        {"operating_points": [{"bpcer": b, "threshold": b} for b in (0.01, 0.1)]},
        {"file": "../red/model.onnx"},
        {"sha256": "none"},
        {"kind": "face_detector"},
        {"version": None},
    ],
)
def test_an_unusable_manifest_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    refused(make_detector(tmp_path, **changes))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"text"'])
def test_no_json_object_is_refused(tmp_path: Path, text: str) -> None:
    folder = make_detector(tmp_path)
    (folder / "manifest.json").write_text(text)
    refused(folder)


def test_a_binary_manifest_is_refused(tmp_path: Path) -> None:
    folder = make_detector(tmp_path)
    (folder / "manifest.json").write_bytes(b"\xff\xfe\x00")
    refused(folder)


@pytest.mark.parametrize("name", ["manifest.json", "model.onnx"])
def test_a_missing_file_is_refused(tmp_path: Path, name: str) -> None:
    folder = make_detector(tmp_path)
    (folder / name).unlink()
    refused(folder)


def test_one_changed_byte_is_refused(tmp_path: Path) -> None:
    folder = make_detector(tmp_path)
    data = bytearray((folder / "model.onnx").read_bytes())
    data[len(data) // 2] ^= 1
    (folder / "model.onnx").write_bytes(data)
    assert "damaged" in refused(folder).sentence


@pytest.mark.parametrize(
    ("bpcer", "threshold"),
    [(0.01, 0.9), (0.05, 0.6), (0.1, 0.4), (0.0223607, 0.75), (0.0707107, 0.5)],
)
def test_the_threshold_of_a_bpcer(tmp_path: Path, bpcer: float, threshold: float) -> None:
    """Exact at an operating point, linear in log(bpcer) between two."""
    manifest = load_manifest(make_detector(tmp_path))
    assert manifest.threshold(bpcer) == pytest.approx(threshold, abs=1e-6)


@pytest.mark.parametrize("bpcer", [0.009, 0.11])
def test_outside_of_the_operating_points(tmp_path: Path, bpcer: float) -> None:
    with pytest.raises(StartupError, match=r"from 0\.01 to 0\.1"):
        load_manifest(make_detector(tmp_path)).threshold(bpcer)


def test_operating_points_in_any_order(tmp_path: Path) -> None:
    points = [{"bpcer": 0.1, "threshold": 0.3}, {"bpcer": 0.01, "threshold": 0.8}]
    folder = make_detector(tmp_path, operating_points=points)
    assert load_manifest(folder).threshold(0.1) == 0.3
    assert json.loads((folder / "manifest.json").read_text())["operating_points"] == points
