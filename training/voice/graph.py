"""Voice networks as one ONNX graph: sound in, the mean of their logits out.

The front end is part of the graph, so that serving cannot compute it otherwise than training did.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from training.voice.nets import BINS, FLOOR, HOP, SIZE, WHITE, VoiceNet, VoiceResidual

OPSET, IR = 17, 8


class VoiceGraph:
    """Nodes and constants, collected; every method returns the name of what it made."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def op(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> list[str]:
        names = [f"{kind}_{len(self.nodes)}_{number}" for number in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, **attributes))
        return names

    def one(self, kind: str, *inputs: str, **attributes: Any) -> str:
        return self.op(kind, *inputs, **attributes)[0]

    def fixed(self, value: object, kind: type[np.generic] = np.float32) -> str:
        name = f"fixed_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, kind), name))
        return name

    def axes(self, *values: int) -> str:
        return self.fixed(values, np.int64)


def voice_graph(nets: Sequence[VoiceNet]) -> onnx.ModelProto:
    """Input `sound` (1xN), output `logit` (1x1)."""
    graph = VoiceGraph()
    real, imaginary = _spectrum(graph)
    logits = [_logit(graph, net, real, imaginary) for net in nets]
    graph.nodes.append(helper.make_node("Mean", logits, ["logit"]))
    sound = helper.make_tensor_value_info("sound", TensorProto.FLOAT, [1, "samples"])
    logit = helper.make_tensor_value_info("logit", TensorProto.FLOAT, [1, 1])
    whole = helper.make_graph(graph.nodes, "voice", [sound], [logit], graph.constants)
    opsets = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(whole, opset_imports=opsets, ir_version=IR)
    onnx.checker.check_model(model, full_check=True)
    return model


def _spectrum(graph: VoiceGraph) -> tuple[str, str]:
    """Frames times the window times cosines and sines: a convolution of the levelled sound."""
    power = graph.one("ReduceMean", graph.one("Mul", "sound", "sound"), axes=[1], keepdims=1)
    level = graph.one("Add", graph.one("Sqrt", power), graph.fixed(1e-5))
    even = graph.one("Unsqueeze", graph.one("Div", "sound", level), graph.axes(1))
    steps = np.arange(SIZE)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * steps / SIZE)
    angles = 2 * np.pi * np.outer(np.arange(1, BINS + 1), steps) / SIZE
    kernels = np.concatenate([np.cos(angles) * window, -np.sin(angles) * window])[:, None]
    both = graph.one("Conv", even, graph.fixed(kernels), strides=[HOP], kernel_shape=[SIZE])
    real, imaginary = graph.op("Split", both, graph.axes(BINS, BINS), outputs=2, axis=1)
    return real, imaginary


def _logit(graph: VoiceGraph, net: VoiceNet, real: str, imaginary: str) -> str:
    x = _power(graph, net, real, imaginary)
    if net.front.phase:
        x = graph.one("Concat", x, *_advance(graph, net, real, imaginary), axis=1)
    for layer in net.body:
        x = (
            _residual(graph, layer, x)
            if isinstance(layer, VoiceResidual)
            else _block(graph, layer, x)
        )
    rows = int(net.fold[1].in_channels)
    x = graph.one("Reshape", x, graph.fixed([1, rows, -1], np.int64))
    x = graph.one("Relu", _convolution(graph, net.fold[1], net.fold[2], x))
    return _pooled(graph, net, x)


def _power(graph: VoiceGraph, net: VoiceNet, real: str, imaginary: str) -> str:
    squares = [graph.one("Mul", part, part) for part in (real, imaginary)]
    power = graph.one("Add", graph.one("Add", *squares), graph.fixed(FLOOR * WHITE))
    log = graph.one("Log", power)
    axes, scale = ([2], 3.0) if net.front.phase else ([1, 2], 4.0)
    moving = graph.one("Sub", log, graph.one("ReduceMean", log, axes=axes, keepdims=1))
    return graph.one("Unsqueeze", graph.one("Div", moving, graph.fixed(scale)), graph.axes(1))


def _advance(graph: VoiceGraph, net: VoiceNet, real: str, imaginary: str) -> list[str]:
    """Each frame times the conjugate of the one before, turned back by what its line would do."""
    now = [_frames(graph, part, 1, 2**31) for part in (real, imaginary)]
    before = [_frames(graph, part, 0, -1) for part in (real, imaginary)]
    u = graph.one("Add", _times(graph, now[0], before[0]), _times(graph, now[1], before[1]))
    v = graph.one("Sub", _times(graph, now[1], before[0]), _times(graph, now[0], before[1]))
    turn = net.front.turn.numpy()[None, :, None]
    cosine, sine = graph.fixed(np.cos(turn)), graph.fixed(np.sin(turn))
    a = graph.one("Sub", _times(graph, u, cosine), _times(graph, v, sine))
    b = graph.one("Add", _times(graph, u, sine), _times(graph, v, cosine))
    length = graph.one("Sqrt", graph.one("Add", _times(graph, a, a), _times(graph, b, b)))
    length = graph.one("Add", length, graph.fixed(FLOOR * WHITE))
    units = [graph.one("Div", part, length) for part in (a, b)]
    padded = [graph.one("Pad", part, graph.axes(0, 0, 1, 0, 0, 0)) for part in units]
    return [graph.one("Unsqueeze", part, graph.axes(1)) for part in padded]


def _times(graph: VoiceGraph, one: str, other: str) -> str:
    return graph.one("Mul", one, other)


def _frames(graph: VoiceGraph, x: str, first: int, last: int) -> str:
    return graph.one("Slice", x, graph.axes(first), graph.axes(last), graph.axes(2))


def _block(graph: VoiceGraph, layer: nn.Module, x: str) -> str:
    convolution, norm, _ = layer.children()
    return graph.one("Relu", _convolution(graph, convolution, norm, x))


def _residual(graph: VoiceGraph, layer: VoiceResidual, x: str) -> str:
    beside = _convolution(graph, layer.a, layer.n, x)
    return graph.one("Relu", graph.one("Add", x, beside))


def _convolution(graph: VoiceGraph, convolution: Any, norm: Any, x: str) -> str:
    """A convolution with the normalisation that follows it folded in."""
    weight = convolution.weight.detach().double().numpy()
    bias = 0.0 if convolution.bias is None else convolution.bias.detach().double().numpy()
    scale = (norm.weight / (norm.running_var + norm.eps).sqrt()).detach().double().numpy()
    shift = norm.bias.detach().double().numpy() - norm.running_mean.double().numpy() * scale
    folded = weight * scale.reshape(-1, *[1] * (weight.ndim - 1))
    names = graph.fixed(folded), graph.fixed(bias * scale + shift)
    pads = [int(p) for p in convolution.padding] * 2
    strides = [int(s) for s in convolution.stride]
    return graph.one("Conv", x, *names, pads=pads, strides=strides)


def _pooled(graph: VoiceGraph, net: VoiceNet, found: str) -> str:
    """Weighted mean and deviation over time, and one linear layer."""
    attention, out = net.att, net.out
    names = [graph.fixed(value.detach().numpy()) for value in (attention.weight, attention.bias)]
    weight = graph.one("Softmax", graph.one("Conv", found, *names), axis=2)
    weighted = graph.one("Mul", weight, found)
    mean = graph.one("ReduceSum", weighted, graph.axes(2), keepdims=0)
    square = graph.one("ReduceSum", graph.one("Mul", weighted, found), graph.axes(2), keepdims=0)
    variance = graph.one("Sub", square, graph.one("Mul", mean, mean))
    spread = graph.one("Sqrt", graph.one("Max", variance, graph.fixed(1e-4)))
    both = graph.one("Concat", mean, spread, axis=1)
    names = [graph.fixed(value.detach().numpy()) for value in (out.weight, out.bias)]
    return graph.one("Gemm", both, *names, transB=1)
