"""A base that never changes, with tuned values laid over it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.analysis.detectors.onnx import OnnxDetector
from service.analysis.face.blazeface import Face
from service.analysis.face.crop import Portrait
from service.errors import StartupError
from service.repository.manifest import load_manifest
from tests.models import make_detector
from training.export.manifest import write_manifest

RED = np.full((64, 64, 3), (255, 0, 0), np.uint8)
FACE = Face(16, 16, 32, 32, 1.0, np.zeros((6, 2)))


def tuned_detector(models_dir: Path, **values: Any) -> Path:
    """`red`, whose bias `b` the archive may replace."""
    folder = make_detector(models_dir, gain=0.0, bias=0.0)
    np.savez(folder / "tuned.npz", **{k: np.asarray(v, np.float32) for k, v in values.items()})
    fields = json.loads((folder / "manifest.json").read_text())
    digest = hashlib.sha256((folder / "tuned.npz").read_bytes()).hexdigest()
    fields["tuned"] = {"file": "tuned.npz", "sha256": digest}
    (folder / "manifest.json").write_text(json.dumps(fields))
    return folder


def probability(folder: Path) -> float:
    return OnnxDetector(folder, bpcer=0.05).predict(Portrait(RED, FACE)).probability


def test_tuned_values_take_the_place_of_the_base(tmp_path: Path) -> None:
    assert probability(make_detector(tmp_path / "a", gain=0.0, bias=0.0)) == 0.5
    assert probability(tuned_detector(tmp_path / "b", b=[2.0])) == pytest.approx(0.8808, abs=1e-4)


def test_tuned_values_may_be_kept_in_half_precision(tmp_path: Path) -> None:
    folder = tuned_detector(tmp_path, b=[0.0])
    np.savez(folder / "tuned.npz", b=np.array([2.0], np.float16))
    write_manifest(folder, json.loads((folder / "manifest.json").read_text()))
    assert probability(folder) == pytest.approx(0.8808, abs=1e-4)


def test_the_base_file_stays_as_it_is(tmp_path: Path) -> None:
    base = make_detector(tmp_path / "a", gain=0.0, bias=0.0) / "model.onnx"
    folder = tuned_detector(tmp_path / "b", b=[2.0])
    probability(folder)
    assert (folder / "model.onnx").read_bytes() == base.read_bytes()


def test_another_tuning_is_another_identity(tmp_path: Path) -> None:
    one, other = (tuned_detector(tmp_path / str(b), b=[b]) for b in (1.0, 2.0))
    assert OnnxDetector(one, bpcer=0.05).identity != OnnxDetector(other, bpcer=0.05).identity


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 not an archive"])
def test_a_damaged_archive_is_refused(tmp_path: Path, damage: bytes) -> None:
    folder = tuned_detector(tmp_path, b=[2.0])
    (folder / "tuned.npz").write_bytes(damage)
    with pytest.raises(StartupError, match="red is damaged"):
        load_manifest(folder)


def test_a_missing_archive_is_refused(tmp_path: Path) -> None:
    folder = tuned_detector(tmp_path, b=[2.0])
    (folder / "tuned.npz").unlink()
    with pytest.raises(StartupError, match=r"tuned\.npz of the model red cannot be read"):
        load_manifest(folder)


@pytest.mark.parametrize("values", [{"nosuch": [1.0]}, {"b": [1.0, 2.0]}, {"w": [1.0]}])
def test_values_that_the_base_does_not_take_are_refused(
    tmp_path: Path, values: dict[str, Any]
) -> None:
    with pytest.raises(StartupError, match="The model red cannot be run"):
        OnnxDetector(tuned_detector(tmp_path, **values), bpcer=0.05)
