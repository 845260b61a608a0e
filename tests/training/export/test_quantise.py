"""A network in int8: nearly the same answers, and what is decided with stays float32."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest

from service.repository.session import open_session

torch = pytest.importorskip("torch")
pytest.importorskip("efficientnet_lite_pytorch")

from training.export.export import export  # noqa: E402
from training.export.manifest import read_manifest, write_manifest  # noqa: E402
from training.export.quantise import differences, quantise, quantise_model  # noqa: E402
from training.nets.model import FaceNet  # noqa: E402


def pixels(seed: int, count: int) -> list[np.ndarray]:
    """Smooth noise: each channel's values are spread as a photograph's are."""
    draw = np.random.default_rng(seed).normal
    small = [draw(0, 0.5, (1, 3, 28, 28)) for _ in range(count)]
    return [one.repeat(8, 2).repeat(8, 3).clip(-1, 1).astype(np.float32) for one in small]


def logits(file: Path) -> np.ndarray:
    session = open_session(file)
    return np.array([session.run(["logit"], {"image": p})[0].item() for p in pixels(1, 24)])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    place: Path = tmp_path_factory.mktemp("net")
    export(FaceNet().eval(), place, "1.0.0")
    return place


def test_answers_stay_nearly_the_same(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    file.write_bytes((folder / "model.onnx").read_bytes())
    before = logits(file)
    quantise(file, "image", iter(pixels(0, 24)))
    assert differences(before, logits(file))["correlation"] > 0.9
    kinds = Counter(node.op_type for node in onnx.load(file).graph.node)
    assert kinds["Pad"] == kinds["Clip"] == 0
    held = {one.name: one.data_type for one in onnx.load(file).graph.initializer}
    assert {held[f"species.{n}"] for n in ("weight", "bias")} == {onnx.TensorProto.FLOAT}
    assert {held[f"head.{n}"] for n in ("weight", "bias")} == {onnx.TensorProto.FLOAT}


def test_a_model_folder_forgets_what_it_answered(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_manifest(folder, {**read_manifest(folder), "known_logit": 1.0})
    crop = np.zeros((224, 224, 3), np.uint8)
    views = [(None, (crop + n, crop + 2 * n)) for n in range(100)]
    monkeypatch.setattr("training.export.quantise.pairs_of", lambda *_: iter(views))
    digest = read_manifest(folder)["sha256"]
    found = quantise_model(folder, tmp_path)
    assert set(found) == {"correlation", "mean_difference", "spread"}
    assert "known_logit" not in read_manifest(folder)
    assert read_manifest(folder)["sha256"] != digest
