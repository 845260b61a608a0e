"""CLIP's tower as an ONNX graph whose large products are int8 and whose tuned parts are inputs."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor

from training.tower import (
    EPSILON,
    HEADS,
    PATCH,
    SIZE,
    TEMPERATURE,
    TOKENS,
    WIDTH,
    Block,
    ClipNet,
    Frozen,
    Norm,
    Quantised,
    Weights,
)  # fmt: skip

OPSET, DEPTH = 17, WIDTH // HEADS
LOWEST = -0.164  # of x * sigmoid(1.702 x), found at x = -0.75


class Graph:
    """Nodes and constants, collected; every method returns the name of what it made."""

    def __init__(self) -> None:
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

    def norm(self, x: str, name: str, norm: Norm) -> str:
        """Layer norm over the last axis."""
        scale = self.tunable(f"{name}.weight", norm.weight)
        bias = self.tunable(f"{name}.bias", norm.bias)
        return self.one("LayerNormalization", x, scale, bias, axis=-1, epsilon=EPSILON)

    def linear(self, x: str, name: str, weight: Quantised, part: Frozen) -> str:
        """int8 times int8, the input's scale found anew for each image."""
        values, scale, zero = self.op("DynamicQuantizeLinear", x, outputs=3)
        product = self.one("MatMulInteger", values, self.constant(name + ".int8", weight.values),
                           zero)  # fmt: skip
        factor = self.one("Mul", scale, self.constant(f"{name}.scale", weight.scale))
        scaled = self.one("Mul", self.one("Cast", product, to=TensorProto.FLOAT), factor)
        return self.one("Add", scaled, self.tunable(f"{name}.bias", part.bias))

    def linear_by_token(self, x: str, name: str, weight: Quantised, part: Frozen) -> str:
        """The same for gated inputs, which end at LOWEST: each token (row) has a scale of its own.

        A few tokens reach values many times those of the others; with one scale for all of them
        these were rounded away, and the class token's relative error was 0.39 instead of 0.05.
        """
        highest = self.one("ReduceMax", x, axes=[1], keepdims=1)
        span = self.one("Sub", highest, self.fixed(LOWEST))
        scale = self.one("Mul", span, self.fixed(1 / 255))
        steps = self.one("Div", self.one("Sub", x, self.fixed(LOWEST)), scale)
        rounded = self.one("Add", steps, self.fixed(0.5))  # a cast cuts off
        values = self.one("Cast", rounded, to=TensorProto.UINT8)
        product = self.one("MatMulInteger", values, self.constant(name + ".int8", weight.values))
        factor = self.constant(f"{name}.scale", weight.scale)
        scaled = self.one("Mul", self.one("Cast", product, to=TensorProto.FLOAT), factor)
        shift = self.constant(f"{name}.shift", np.float32(LOWEST) * weight.real.sum(axis=0))
        bias = self.one("Add", self.tunable(f"{name}.bias", part.bias), shift)
        return self.one("Add", self.one("Mul", scaled, scale), bias)


def build(net: ClipNet, weights: Weights) -> onnx.ModelProto:
    """image 1x3x224x224 -> logit 1x1 and what its head sees, features 1x768; every shape fixed."""
    graph = Graph()
    x = _tokens(graph, net)
    for number, block in enumerate(net.blocks):
        x = _mlp(graph, _attention(graph, x, number, block, weights), number, block, weights)
    token = graph.one("Slice", x, graph.fixed([0], np.int64), graph.fixed([1], np.int64))
    seen = graph.norm(token, "after", net.after)
    length = graph.one("ReduceL2", seen, axes=[1], keepdims=1)
    unit = graph.one("Div", seen, length)
    scale, head = graph.fixed(TEMPERATURE), net.plain_head()
    graph.nodes.append(helper.make_node("Mul", [unit, scale], ["features"]))
    terms = graph.one("Mul", "features", graph.tunable("head.weight", head["weight"]))
    total = graph.one("ReduceSum", terms, graph.fixed([1], np.int64), keepdims=1)
    bias = graph.tunable("head.bias", head["bias"])
    graph.nodes.append(helper.make_node("Add", [total, bias], ["logit"]))
    return _model(graph)


def _tokens(graph: Graph, net: ClipNet) -> str:
    """197x768: the class token and 196 patches, each with its place."""
    kernel = graph.constant("patch", net.patch.float().numpy())
    patches = graph.one("Conv", "image", kernel, strides=[PATCH, PATCH])
    flat = graph.one("Reshape", patches, graph.fixed([WIDTH, TOKENS - 1], np.int64))
    placed = graph.one("Add", graph.one("Transpose", flat, perm=[1, 0]),
                       graph.constant("place", net.place.numpy()))  # fmt: skip
    token = graph.constant("token", net.token.reshape(1, WIDTH).numpy())
    return graph.norm(graph.one("Concat", token, placed, axis=0), "before", net.before)


def _attention(graph: Graph, x: str, number: int, block: Block, weights: Weights) -> str:
    name, packaged = f"blocks.{number}", f"encoder.layers.{number}.self_attn.out_proj"
    normed = graph.norm(x, f"{name}.norm1", block.norm1)
    joined = graph.linear(normed, f"{name}.qkv", weights.joined(number)[0], block.qkv)
    shape = graph.fixed([TOKENS, 3, HEADS, DEPTH], np.int64)
    heads = graph.one("Transpose", graph.one("Reshape", joined, shape), perm=[1, 2, 0, 3])
    query, key, value = graph.op("Split", heads, graph.fixed([1] * 3, np.int64), outputs=3, axis=0)
    key = graph.one("Transpose", key, perm=[0, 1, 3, 2])
    scaled = graph.one("Mul", query, graph.fixed(DEPTH**-0.5))
    share = graph.one("Softmax", graph.one("MatMul", scaled, key), axis=-1)
    mixed = graph.one("Transpose", graph.one("MatMul", share, value), perm=[0, 2, 1, 3])
    flat = graph.one("Reshape", mixed, graph.fixed([TOKENS, WIDTH], np.int64))
    out = graph.linear(flat, f"{name}.out", weights.products[packaged], block.out)
    return graph.one("Add", x, out)


def _mlp(graph: Graph, x: str, number: int, block: Block, weights: Weights) -> str:
    name, packaged = f"blocks.{number}", f"encoder.layers.{number}.mlp."
    normed = graph.norm(x, f"{name}.norm2", block.norm2)
    up = graph.linear(normed, f"{name}.up", weights.products[packaged + "fc1"], block.up)
    gate = graph.one("Sigmoid", graph.one("Mul", up, graph.fixed(1.702)))
    gated = graph.one("Mul", up, gate)
    fc2 = weights.products[packaged + "fc2"]
    return graph.one("Add", x, graph.linear_by_token(gated, f"{name}.down", fc2, block.down))


def _model(graph: Graph) -> onnx.ModelProto:
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, SIZE, SIZE])
    logit = helper.make_tensor_value_info("logit", TensorProto.FLOAT, [1, 1])
    features = helper.make_tensor_value_info("features", TensorProto.FLOAT, [1, WIDTH])
    inputs, outputs = [image, *graph.inputs], [logit, features]
    whole = helper.make_graph(graph.nodes, "clip", inputs, outputs, graph.constants)
    model = helper.make_model(whole, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model
