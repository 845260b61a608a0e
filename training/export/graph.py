"""Builds an ONNX graph node by node: int8 products, layer norms, and inputs that have defaults."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor

from training.nets.patches import TOKENS
from training.nets.tower import EPSILON, HEADS, WIDTH, Frozen, Norm, Quantised, Weights

DEPTH = WIDTH // HEADS
RUNTIME = "com.microsoft"  # ONNX Runtime's own operators: products of int8 in one step
LOWEST = 0.5  # height of a token below which x * sigmoid(1.702 x), -0.164 at least, would govern


class Graph:
    """Nodes and constants, collected; every method returns the name of what it made."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.inputs: list[onnx.ValueInfoProto] = []

    def op(self, kind: str, *inputs: str, outputs: int = 1, **attributes: object) -> list[str]:
        names = [f"{kind}_{len(self.nodes)}_{number}" for number in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, **attributes))
        return names

    def one(self, kind: str, *inputs: str, **attributes: object) -> str:
        return self.op(kind, *inputs, **attributes)[0]

    def constant(self, name: str, value: np.ndarray) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def fixed(self, value: object, kind: type[np.generic] = np.float32) -> str:
        return self.constant(f"fixed_{len(self.constants)}", np.asarray(value, kind))

    def tunable(self, name: str, part: Tensor) -> str:
        """A default that a run may be given another value for: an input with an initializer."""
        value = part.detach().numpy()
        self.inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, value.shape))
        return self.constant(name, value)

    def given(self, name: str, shape: list[int]) -> str:
        """A value that every run must be given."""
        self.inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        return name

    def norm(self, x: str, name: str, norm: Norm) -> str:
        """Layer norm over the last axis."""
        scale = self.tunable(f"{name}.weight", norm.weight)
        bias = self.tunable(f"{name}.bias", norm.bias)
        return self.one("LayerNormalization", x, scale, bias, axis=-1, epsilon=EPSILON)

    def first(self, x: str, count: int) -> str:
        """The first `count` tokens (rows); all of them as they are."""
        if count == TOKENS:
            return x
        return self.one("Slice", x, self.fixed([0], np.int64), self.fixed([count], np.int64))

    def heads(self, x: str, rows: int, count: int) -> str:
        """Rows of `count` heads side by side -> count x rows x DEPTH."""
        apart = self.one("Reshape", x, self.fixed([rows, count, DEPTH], np.int64))
        return self.one("Transpose", apart, perm=[1, 0, 2])

    def linear(self, x: str, name: str, weight: Quantised, part: Frozen) -> str:
        """int8 times int8, the input's scale found again for each image."""
        values, scale = self.quantised(name, weight)
        return self.product(x, values, scale, self.tunable(f"{name}.bias", part.bias))

    def linear_by_token(self, x: str, name: str, weight: Quantised, part: Frozen) -> str:
        """The same for gated inputs, whose tokens (rows) are brought to one height before.

        A few tokens reach values many times those of the others; with one scale for all of them
        these were rounded away, and the class token's relative error was 0.39 instead of 0.05.
        """
        highest = self.one("ReduceMax", x, axes=[1], keepdims=1)
        height = self.one("Max", highest, self.fixed(LOWEST))
        level = self.one("Div", x, height)
        product = self.one("Mul", self.product(level, *self.quantised(name, weight)), height)
        return self.one("Add", product, self.tunable(f"{name}.bias", part.bias))

    def quantised(self, name: str, weight: Quantised) -> tuple[str, str]:
        """(values, scales)."""
        values = self.constant(f"{name}.int8", weight.values)
        return values, self.constant(f"{name}.scale", weight.scale)

    def product(self, x: str, values: str, scale: str, bias: str | None = None) -> str:
        parts = [x, values, scale, *(("", bias) if bias else ())]
        return self.one("DynamicQuantizeMatMul", *parts, domain=RUNTIME)
