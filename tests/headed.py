"""A tiny real detector whose head can be retrained.

Its features are the mean colours of a 4x4 grid over the face: 16 reds, 16 greens, 16 blues, each -1
(none) to 1 (full). The shipped head makes the mean of the reds, times `gain`, the logit.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.models import GRID, SIZE, manifest

CELLS = GRID * GRID
FEATURES = 3 * CELLS
HEAD = {"weight": "head.weight", "bias": "head.bias"}
POINTS = [{"bpcer": 0.01, "threshold": 0.9}, {"bpcer": 0.5, "threshold": 0.3}]


def make_headed(models_dir: Path, name: str = "grid", *, gain: float = 4.0, **changes: Any) -> Path:
    """A detector's folder; `changes` go into its manifest."""
    folder = models_dir / name
    folder.mkdir(parents=True)
    onnx.save(_model(shipped_weight(gain)), folder / "model.onnx")
    fields = {
        "output": {"logit": "logit", "features": "features"},
        "head": HEAD,
        "operating_points": POINTS,
        **changes,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest(folder, **fields)))
    return folder


def shipped_weight(gain: float = 4.0) -> np.ndarray:
    return np.repeat(np.float32([[gain / CELLS, 0, 0]]), CELLS, axis=1)


def _model(weight: np.ndarray) -> onnx.ModelProto:
    step = SIZE // GRID
    pool = {"kernel_shape": [step] * 2, "strides": [step] * 2}
    nodes = [
        helper.make_node("AveragePool", ["image"], ["pooled"], **pool),
        helper.make_node("Flatten", ["pooled"], ["features"]),
        helper.make_node("Mul", ["features", "head.weight"], ["terms"]),
        helper.make_node("ReduceSum", ["terms", "axis"], ["total"], keepdims=1),
        helper.make_node("Add", ["total", "head.bias"], ["logit"]),
    ]
    values = [
        numpy_helper.from_array(weight, "head.weight"),
        helper.make_tensor("head.bias", TensorProto.FLOAT, [1], [0.25]),  # not as raw bytes
        helper.make_tensor("axis", TensorProto.INT64, [1], [1]),
    ]
    info = helper.make_tensor_value_info
    inputs = [
        info("image", TensorProto.FLOAT, [1, 3, SIZE, SIZE]),
        info("head.weight", TensorProto.FLOAT, [1, FEATURES]),
        info("head.bias", TensorProto.FLOAT, [1]),
    ]
    outputs = [
        info("logit", TensorProto.FLOAT, [1, 1]),
        info("features", TensorProto.FLOAT, [1, FEATURES]),
    ]
    graph = helper.make_graph(nodes, "grid", inputs, outputs, values)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
