"""What the detector sees: how the feature maps of EfficientNet-Lite0 vary over a face crop.

The network stays as it came from ImageNet. A screen or a print changes the texture everywhere in
the picture, so of each map its mean and the logarithm of its standard deviation are taken, and a
linear head reads them. Nothing but the head is fitted: with few rooms, cameras and screens to learn
from, a network that is tuned learns the rooms.
"""

from __future__ import annotations

from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn.functional import relu6

from training.nets.model import SIZE, FaceNet
from training.presentation.head import CLIP, Standard

BLOCKS = (2, 10, 12, 15)  # counted from 0; chosen by sources left out
WIDTHS = (48, 224, 384, 640)  # features of each
FLOOR = 0.02  # added to a standard deviation before its logarithm
OPSET = 17


class Texture(nn.Module):
    """1x3xSxS -> logit (1,1), features (1,N): logit = features * weight + bias.

    Features are standardised, so that a head for other cameras starts where this one did.
    """

    mean: Tensor
    spread: Tensor

    def __init__(self, standard: Standard | None = None) -> None:
        super().__init__()
        self.body = FaceNet().eval().backbone
        count = sum(WIDTHS)
        mean = torch.zeros(count) if standard is None else torch.from_numpy(standard.mean)
        spread = torch.ones(count) if standard is None else torch.from_numpy(standard.spread)
        self.register_buffer("mean", mean.float())
        self.register_buffer("spread", spread.float())
        self.limit = 1e9 if standard is None else CLIP

    def forward(self, image: Tensor, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        found = torch.cat([statistics(one) for one in self.maps(image)], dim=1)
        features = ((found - self.mean) / self.spread).clamp(-self.limit, self.limit)
        return (features * weight).sum(dim=1, keepdim=True) + bias, features

    def maps(self, image: Tensor) -> list[Tensor]:
        """Of BLOCKS; what comes after them is not asked."""
        map_, found = relu6(self.body._bn0(self.body._conv_stem(image))), []
        for number, block in enumerate(self.body._blocks[: BLOCKS[-1] + 1]):
            map_ = block(map_)
            if number in BLOCKS:
                found.append(map_)
        return found


def statistics(maps: Tensor) -> Tensor:
    """NxCxHxW -> Nx2C: of each map its mean, then the logarithm of its standard deviation."""
    mean = maps.mean(dim=(2, 3), keepdim=True)
    spread = ((maps - mean) ** 2).mean(dim=(2, 3)).sqrt()
    return torch.cat([mean.flatten(1), torch.log(spread + FLOOR)], dim=1)


def write_onnx(file: Path, standard: Standard | None = None) -> None:
    """With a head of zeros, as defaults of inputs, so that another one can take its place."""
    module = Texture(standard).eval()
    head = {"head.weight": torch.zeros(1, sum(WIDTHS)), "head.bias": torch.zeros(1)}
    torch.onnx.export(
        module, (torch.zeros(1, 3, SIZE, SIZE), *head.values()), str(file),
        input_names=["image", *head], output_names=["logit", "features"],
        opset_version=OPSET, dynamo=False,
    )  # fmt: skip
    set_head(file, head)


def set_head(file: Path, head: dict[str, Tensor]) -> None:
    """The defaults of the inputs that make the logit."""
    model = onnx.load(file)
    kept = [one for one in model.graph.initializer if one.name not in head]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    model.graph.initializer.extend(
        numpy_helper.from_array(v.float().numpy(), name) for name, v in head.items()
    )
    onnx.save(model, file)
