"""The networks that training knows, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from training import model, tower

FULL_VIEW = 0.92  # share of the run after which a step looks at every patch


@dataclass(frozen=True)
class Recipe:
    """How a network is made and trained; `mean` and `std` are for pixels scaled to 0..1."""

    make: Callable[[], nn.Module]
    rate: float
    decay: float
    mean: list[float]
    std: list[float]

    def tensor(self, crops: Tensor) -> Tensor:
        """NxSxSx3 uint8 -> Nx3xSxS float, as `service.analysis.crop.normalise` does it."""
        mean, std = (torch.tensor(values) * 255 for values in (self.mean, self.std))
        pixels = (crops.float() - mean) / std
        return pixels.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)


def _lite0() -> nn.Module:
    """Channels last is several times faster on a CPU."""
    net = model.FaceNet()
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return net


def _clip() -> nn.Module:
    return tower.halve(tower.ClipNet(keep=0.5))


RECIPES = {
    "lite0": Recipe(_lite0, 4e-4, 0.02, model.MEAN, model.STD),
    "clip": Recipe(_clip, 6e-4, 0.0, tower.MEAN, tower.STD),
}


def see(net: nn.Module, progress: float) -> None:
    """Towards the end of the run (0..1) a thinned network sees what it will see in serving."""
    if isinstance(net, tower.ClipNet) and progress > FULL_VIEW:
        net.keep = 1.0
