"""Large weights in a file of their own, which the model's file reads them out of."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx.external_data_helper import set_external_data

from service.analysis.detectors.onnx import OnnxDetector
from service.analysis.face.blazeface import Face
from service.analysis.face.crop import Portrait
from service.commands.models.add import add_model
from service.errors import StartupError
from service.repository.heads import basis
from service.repository.manifest import load_manifest
from tests.models import make_detector

RED = np.full((64, 64, 3), (255, 0, 0), np.uint8)
FACE = Face(16, 16, 32, 32, 1.0, np.zeros((6, 2)))
UNREAD = b"other bytes "


@pytest.fixture
def based(tmp_path: Path) -> Path:
    """`red`, whose weight `w` is in weights.bin, after bytes that it does not read."""
    folder = make_detector(tmp_path / "models")
    model = onnx.load(folder / "model.onnx")
    tensor = next(one for one in model.graph.initializer if one.name == "w")
    raw = np.array(tensor.float_data, np.float32).tobytes()
    (folder / "weights.bin").write_bytes(UNREAD + raw)
    tensor.ClearField("float_data")
    tensor.raw_data = raw
    set_external_data(tensor, "weights.bin", offset=len(UNREAD), length=len(raw))
    tensor.ClearField("raw_data")
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    fields = json.loads((folder / "manifest.json").read_text())
    fields["sha256"] = checksum(folder / "model.onnx")
    fields["base"] = {"file": "weights.bin", "sha256": checksum(folder / "weights.bin")}
    (folder / "manifest.json").write_text(json.dumps(fields))
    return folder


def checksum(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def probability(folder: Path) -> float:
    return OnnxDetector(folder, bpcer=0.05).predict(Portrait(RED, FACE)).probability


def test_the_weights_are_read_out_of_the_base(based: Path, tmp_path: Path) -> None:
    whole = make_detector(tmp_path / "whole")
    assert probability(based) == probability(whole) > 0.98


def test_a_damaged_base_is_refused(based: Path) -> None:
    (based / "weights.bin").write_bytes(bytes(12 + len(UNREAD)))
    with pytest.raises(StartupError, match="red is damaged"):
        load_manifest(based)


def test_a_missing_base_is_refused(based: Path) -> None:
    (based / "weights.bin").unlink()
    with pytest.raises(StartupError, match=r"weights\.bin of the model red cannot be read"):
        load_manifest(based)


def test_a_base_outside_of_the_folder_is_refused(based: Path) -> None:
    fields = json.loads((based / "manifest.json").read_text())
    fields["base"]["file"] = "../weights.bin"
    (based / "manifest.json").write_text(json.dumps(fields))
    with pytest.raises(StartupError, match=r"unusable: base\.file"):
        load_manifest(based)


def test_a_head_fits_one_base_only(based: Path) -> None:
    manifest = load_manifest(based)
    bases = [manifest.base, None, manifest.base.model_copy(update={"sha256": "0" * 64})]  # type: ignore[union-attr]
    assert len({basis(manifest.model_copy(update={"base": base})) for base in bases}) == 3


def test_adding_a_model_brings_its_base(
    based: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACEGATE_DATA_DIR", str(tmp_path / "data"))
    add_model("added", str(based), 0.5)
    folder = tmp_path / "data" / "models" / "added"
    assert (folder / "weights.bin").read_bytes() == (based / "weights.bin").read_bytes()
    assert probability(folder) > 0.98
