"""A shipped lite0 -> a checkpoint that `training.train` goes on from.

    python -m training.unfold --model service/models/lite0 --checkpoint FILE
    python -m training.train --net lite0-folded --start FILE ...

The exported file has its batch normalisation folded into the convolutions, and so has the network
that goes on: its answers are those of the file.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from training.model import FEATURES, FaceNet, fold

SHAPES = {"head.weight": (1, FEATURES), "head.bias": (1,)}


def unfold(file: Path) -> FaceNet:
    """The network of a model file."""
    net = fold(FaceNet())
    pairs, head = folded(file)
    convolutions = [module for module in net.modules() if isinstance(module, nn.Conv2d)]
    for conv, (weight, bias) in zip(convolutions, pairs, strict=True):
        _fill(conv, weight, bias)
    net.head.load_state_dict({name.removeprefix("head."): part for name, part in head.items()})
    return net


def folded(file: Path) -> tuple[list[tuple[Tensor, Tensor]], dict[str, Tensor]]:
    """((weight, bias) of each convolution in its order, head's weight and bias by name)."""
    graph = onnx.load(file).graph
    held = {one.name: torch.tensor(numpy_helper.to_array(one)) for one in graph.initializer}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    pairs = [(held[node.input[1]], held[node.input[2]]) for node in convolutions]
    return pairs, {name: held[name].reshape(shape) for name, shape in SHAPES.items()}


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
    net = unfold(args.model / "model.onnx")
    torch.save({"average": net.state_dict()}, args.checkpoint)


if __name__ == "__main__":
    main()
