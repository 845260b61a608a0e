"""The networks that training knows, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice

import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

from training.nets import model, tower
from training.nets.precision import device, has_bfloat16, mixed

WARMED, FREEDOM = 50, 1e-3  # batches; inverse strength of the ridge
FULL_VIEW = 0.92  # share of the run after which a step looks at every patch

Batches = Iterable[tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Recipe:
    """How a network is made and trained; `mean` and `std` are for pixels scaled to 0..1."""

    make: Callable[[], nn.Module]
    rate: float
    decay: float
    mean: list[float]
    std: list[float]

    def tensor(self, crops: Tensor) -> Tensor:
        """NxSxSx3 uint8 -> Nx3xSxS float, as `service.analysis.face.crop.normalise` does it."""
        at = crops.device
        mean, std = (torch.tensor(values, device=at) * 255 for values in (self.mean, self.std))
        pixels = (crops.float() - mean) / std
        return pixels.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)


def _lite0() -> model.FaceNet:
    """Channels last is several times faster on a CPU."""
    net = model.FaceNet()
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return net


def _folded() -> nn.Module:
    return model.fold(_lite0())


def _clip() -> nn.Module:
    net = tower.ClipNet(keep=0.5)
    return tower.halve(net) if has_bfloat16() else net


RECIPES = {
    "lite0": Recipe(_lite0, 4e-4, 0.02, model.MEAN, model.STD),
    "lite0-folded": Recipe(_folded, 4e-5, 0.02, model.MEAN, model.STD),
    "clip": Recipe(_clip, 4e-4, 0.0, tower.MEAN, tower.STD),
}


def keep_rate(net: nn.Module, progress: float) -> None:
    """Towards the end of the run (0..1) a thinned network sees what it will see in serving."""
    if isinstance(net, tower.ClipNet) and progress > FULL_VIEW:
        net.keep = 1.0


def warm(net: nn.Module, tensor: Callable[[Tensor], Tensor], batches: Batches) -> None:
    """A frozen network's head is fitted before the rest is tuned: by itself it takes an age.

    `batches`: uint8 views and what they are (0: genuine), WARMED of which are used.
    """
    if not isinstance(net, tower.ClipNet):
        return
    net.eval()
    found = [
        (_features(net, tensor(views.to(device()))), kinds > 0)
        for views, kinds in islice(batches, WARMED)
    ]
    features, labels = (torch.cat(parts) for parts in zip(*found, strict=True))
    known = StandardScaler().fit_transform(features.numpy())
    fitted = LogisticRegression(C=FREEDOM, max_iter=500).fit(known, labels.numpy())
    net.set_head(features, torch.tensor(fitted.coef_), torch.tensor(fitted.intercept_))


def _features(net: tower.ClipNet, images: Tensor) -> Tensor:
    with torch.inference_mode(), mixed():
        return net.features(images).float().cpu()
