"""A shipped lite0 -> a checkpoint that `training.train --start` goes on from.

    python -m training.unfold --model service/models/lite0 --data OUT --checkpoint FILE

The exported file has its batch normalisation folded into the convolutions. Here each gets its own
normalisation back, with the statistics that face crops (OUT of `training.dataset`) have there: the
network's answers stay what they are, and training can go on.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from training.augment import augment
from training.dataset import load_crops, load_index
from training.model import FaceNet
from training.nets import RECIPES

COUNTED = 256  # crops whose statistics are taken
Layer = tuple[nn.Conv2d, nn.BatchNorm2d]


def layers(net: FaceNet) -> list[Layer]:
    """Every convolution with its normalisation, in the order in which an image meets them."""
    body = net.backbone
    found = [(body._conv_stem, body._bn0)]
    for block in body._blocks:
        if hasattr(block, "_expand_conv"):
            found.append((block._expand_conv, block._bn0))
        found.append((block._depthwise_conv, block._bn1))
        found.append((block._project_conv, block._bn2))
    return [*found, (body._conv_head, body._bn1)]


def folded(file: Path) -> tuple[list[tuple[Tensor, Tensor]], dict[str, Tensor]]:
    """((weight, bias) of each convolution in its order, head's weight and bias by name)."""
    graph = onnx.load(file).graph
    held = {one.name: torch.tensor(numpy_helper.to_array(one)) for one in graph.initializer}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    pairs = [(held[node.input[1]], held[node.input[2]]) for node in convolutions]
    return pairs, {name: held[name] for name in ("head.weight", "head.bias")}


@torch.no_grad()
def fill(net: FaceNet, file: Path) -> None:
    """Folded weights, scaled to the length that ImageNet training left them, as the step of an
    optimiser counts relative to it; the normalisation only undoes the scale and adds the bias."""
    pairs, head = folded(file)
    for (conv, norm), (weight, bias) in zip(layers(net), pairs, strict=True):
        factor = _length(weight).clamp_min(1e-6) / _length(conv.weight).clamp_min(1e-6)
        conv.weight.copy_(weight / factor.reshape(-1, 1, 1, 1))
        norm.running_mean.zero_()
        norm.running_var.fill_(1 - norm.eps)
        norm.weight.copy_(factor)
        norm.bias.copy_(bias)
    net.head.weight.copy_(head["head.weight"])
    net.head.bias.copy_(head["head.bias"])


def _length(weight: Tensor) -> Tensor:
    return weight.flatten(1).norm(dim=1)


@torch.no_grad()
def restore_statistics(net: FaceNet, images: Tensor) -> None:
    """Mean and variance before each normalisation, over `images`; the function stays the same."""
    hooks = [norm.register_forward_pre_hook(_measured) for _, norm in layers(net)]
    net.eval()(images)
    for hook in hooks:
        hook.remove()


def _measured(norm: nn.BatchNorm2d, inputs: tuple[Tensor]) -> None:
    variance, mean = torch.var_mean(inputs[0], dim=(0, 2, 3))
    scale = norm.weight.clone()
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)
    norm.weight.copy_(scale * (variance + norm.eps).sqrt())
    norm.bias.add_(scale * mean)


def unfold(file: Path, crops: np.ndarray) -> FaceNet:
    """The network of a model file; `crops`: roomy ones, NxSxSx3 uint8."""
    net = FaceNet()
    fill(net, file)
    views = np.stack([augment(crop, seed) for seed, crop in enumerate(crops)])
    restore_statistics(net, RECIPES["lite0"].tensor(torch.from_numpy(views)))
    return net


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, default=Path("service/models/lite0"))
    parser.add_argument("--data", type=Path, required=True, help="OUT of training.dataset")
    parser.add_argument("--checkpoint", type=Path, required=True)
    args = parser.parse_args()
    there = np.flatnonzero(load_index(args.data).found)
    rows = np.random.default_rng(0).choice(there, COUNTED, replace=False)
    net = unfold(args.model / "model.onnx", load_crops(args.data)[np.sort(rows)])
    torch.save({"average": net.state_dict()}, args.checkpoint)


if __name__ == "__main__":
    main()
