"""The head over what clip's tower saw: its pools, standardised and clipped, times weights.

Every pool that clip's own readout sees is read; each is fitted by itself and counts the same.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from training.nets.tower import WIDTH
from training.presentation.head import CLIP, Standard

OPSET = 17


def pool_parts(pooled: int) -> list[slice]:
    return [slice(start, start + WIDTH) for start in range(0, pooled, WIDTH)]


def write_reading(file: Path, standard: Standard, weight: np.ndarray) -> None:
    """pools 1xM -> logit (1,1), features (1,M): logit = features * weight + bias."""
    size = len(weight)
    values = {
        "mean": standard.mean[None],
        "spread": standard.spread[None],
        "low": np.float32(-CLIP),
        "high": np.float32(CLIP),
        "head.weight": weight[None],
        "head.bias": np.zeros(1),
    }
    nodes = [
        helper.make_node("Sub", ["pools", "mean"], ["centred"]),
        helper.make_node("Div", ["centred", "spread"], ["scaled"]),
        helper.make_node("Clip", ["scaled", "low", "high"], ["features"]),
        helper.make_node("Gemm", ["features", "head.weight", "head.bias"], ["logit"], transB=1),
    ]
    head = [_value("head.weight", [1, size]), _value("head.bias", [1])]
    outputs = [_value("logit", [1, 1]), _value("features", [1, size])]
    constants = [numpy_helper.from_array(np.float32(v), name) for name, v in values.items()]
    inputs = [_value("pools", [1, size]), *head]
    graph = helper.make_graph(nodes, "reading", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, file)


def _value(name: str, shape: list[int]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
