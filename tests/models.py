"""Tiny real detectors: the logit of `make_detector` is `gain` x mean redness of the face + `bias`.

Redness is the normalised red channel, -1 (none) to 1 (full), so a test can say what a face gets.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, helper

from service.settings import PACKAGE, Settings

SIZE, GRID = 32, 4


def write_onnx(path: Path, gain: float, bias: float) -> None:
    """A 4x4 map of redness, scaled, and its mean as the logit."""
    weights = [
        helper.make_tensor("w", TensorProto.FLOAT, [1, 3, 1, 1], [gain, 0, 0]),
        helper.make_tensor("b", TensorProto.FLOAT, [1], [bias]),
        helper.make_tensor("grid", TensorProto.INT64, [3], [1, GRID, GRID]),
        helper.make_tensor("one", TensorProto.INT64, [2], [1, 1]),
    ]
    step = SIZE // GRID
    nodes = [
        helper.make_node(
            "AveragePool", ["image"], ["pooled"], kernel_shape=[step] * 2, strides=[step] * 2
        ),
        helper.make_node("Conv", ["pooled", "w", "b"], ["map"]),
        helper.make_node("Reshape", ["map", "grid"], ["cam"]),
        helper.make_node("GlobalAveragePool", ["map"], ["mean"]),
        helper.make_node("Reshape", ["mean", "one"], ["logit"]),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, SIZE, SIZE])
    logit = helper.make_tensor_value_info("logit", TensorProto.FLOAT, [1, 1])
    cam = helper.make_tensor_value_info("cam", TensorProto.FLOAT, [1, GRID, GRID])
    tunable = [helper.make_tensor_value_info("b", TensorProto.FLOAT, [1])]  # with a default
    graph = helper.make_graph(nodes, "redness", [image, *tunable], [logit, cam], weights)
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), path)


def manifest(folder: Path, **changes: Any) -> dict[str, Any]:
    """A sound manifest of the folder's model.onnx, with `changes`."""
    return {
        "name": folder.name,
        "version": "1.0.0",
        "kind": "detector",
        "file": "model.onnx",
        "sha256": hashlib.sha256((folder / "model.onnx").read_bytes()).hexdigest(),
        "licence": "Apache-2.0",
        "origin": "made by a test",
        "input": {"name": "image", "size": SIZE, "mean": [0.5] * 3, "std": [0.5] * 3},
        "output": {"logit": "logit", "cam": "cam"},
        "crop": {"margin": 1.3},
        "calibration": {"slope": 1.0, "intercept": 0.0},
        "operating_points": [
            {"bpcer": 0.01, "threshold": 0.9},
            {"bpcer": 0.05, "threshold": 0.6},
            {"bpcer": 0.1, "threshold": 0.4},
        ],
        "default_bpcer": 0.05,
        **changes,
    }


def make_detector(
    models_dir: Path, name: str = "red", *, gain: float = 4.0, bias: float = 0.0, **changes: Any
) -> Path:
    """A detector's folder; `changes` go into its manifest."""
    folder = models_dir / name
    folder.mkdir(parents=True)
    write_onnx(folder / "model.onnx", gain, bias)
    (folder / "manifest.json").write_text(json.dumps(manifest(folder, **changes)))
    return folder


def copy_face_detectors(models_dir: Path) -> None:
    for source in (PACKAGE / "models").glob("blazeface-*"):
        shutil.copytree(source, models_dir / source.name)


def settings(models_dir: Path, **changes: Any) -> Settings:
    return Settings(models_dir=models_dir, **changes)
