"""Unfold the batch norms of a shipped lite0: ONNX -> a checkpoint for `training.fit.train`.

    python -m training.nets.unfold_batchnorm --model service/models/lite0 --checkpoint FILE
    python -m training.fit.train --net lite0-folded --start FILE ...

The exported file has its batch normalisation folded into the convolutions, and so has the network
that goes on: its answers are those of the file, but for the rounding of what the file has in int8.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn.functional import pad

from training.nets.model import FaceNet, fold


def unfold_batchnorm(file: Path) -> FaceNet:
    """The network of a model file."""
    net = fold(FaceNet())
    pairs, (species, known) = folded(file)
    convolutions = [module for module in net.modules() if isinstance(module, nn.Conv2d)]
    for conv, (weight, bias) in zip(convolutions, pairs, strict=True):
        _fill(conv, weight, bias)
    with torch.no_grad():  # genuine is what the species are relative to
        net.head.weight.copy_(pad(species, (0, 0, 1, 0)))
        net.head.bias.copy_(pad(known, (1, 0)))
    return net


def folded(file: Path) -> tuple[list[tuple[Tensor, Tensor]], tuple[Tensor, Tensor]]:
    """((weight, bias) of each convolution in its order, weight and bias of the species)."""
    graph = onnx.load(file).graph
    held = _held(graph)
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    pairs = [(held[node.input[1]], held[node.input[2]]) for node in convolutions]
    return pairs, (held["species.weight"], held["species.bias"])


def _held(graph: onnx.GraphProto) -> dict[str, Tensor]:
    """Constants by name; those kept as integers as what they stand for, one scale an output."""
    held = {one.name: torch.tensor(numpy_helper.to_array(one)) for one in graph.initializer}
    for node in graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in held:
            values, scale, zero = (held[name] for name in node.input)
            by_output = (-1,) + (1,) * (values.ndim - 1)
            held[node.output[0]] = (values - zero.reshape(by_output)) * scale.reshape(by_output)
    return held


@torch.no_grad()
def _fill(conv: nn.Conv2d, weight: Tensor, bias: Tensor) -> None:
    """The file's weight, as one of the length that ImageNet training left, times a factor."""
    parts = conv.parametrizations.weight
    factor = _length(weight).clamp_min(1e-6) / _length(parts.original).clamp_min(1e-6)
    parts.original.copy_(weight / factor)
    parts[0].scale.copy_(factor)
    conv.bias.copy_(bias)


def _length(weight: Tensor) -> Tensor:
    return weight.flatten(1).norm(dim=1).reshape(-1, 1, 1, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, default=Path("service/models/lite0"))
    parser.add_argument("--checkpoint", type=Path, required=True)
    args = parser.parse_args()
    net = unfold_batchnorm(args.model / "model.onnx")
    torch.save({"average": net.state_dict()}, args.checkpoint)


if __name__ == "__main__":
    main()
