"""Pass faces through a latent autoencoder, for the marks that diffusion decoders leave.

    python -m training.data.latents --out DIR --weights DIR [--count N]

OUT is the folder of `training.fit.train`, with split.npy. WEIGHTS holds `taef2_encoder.pth` and
`taef2_decoder.pth` of madebyollin/taesd (MIT), which make training images and are not shipped.
Written are OUT/latent_rows.npy, the genuine rows, and OUT/latents.npy, their copies; interrupted,
the same command goes on.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from service.analysis.face.crop import FILL
from training.data.dataset import Index, load_crops, load_index
from training.nets.precision import device, mixed

WIDTH, LATENT, BATCH = 64, 32, 8
SHAKEN = 0.4  # the strongest noise, in standard deviations of the latents
SPLITS = ("train", "validation", "test")
SIZES = (288, 192, 288, 384)  # pixels at which a batch goes through, in turn; multiples of 8
Copy = Callable[[np.ndarray], np.ndarray]  # NxSxSx3 uint8 -> the same


def conv(inputs: int, outputs: int, stride: int = 1, bias: bool = True) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=bias)


class LatentBlock(nn.Module):
    """Three convolutions beside a shortcut; where it is `deep`, global context is added first.

    The names of the parts are those in the weights' files.
    """

    def __init__(self, deep: bool = False) -> None:
        super().__init__()
        first, second, third = (conv(WIDTH, WIDTH) for _ in range(3))
        self.conv = nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), third)
        self.pool = _context() if deep else None

    def forward(self, x: Tensor) -> Tensor:
        if self.pool is not None:
            x = x + self.pool(x)
        return torch.relu(self.conv(x) + x)


def _context() -> nn.Sequential:
    wide = 4 * WIDTH
    inner, outer = nn.Conv2d(WIDTH, wide, 1, bias=False), nn.Conv2d(wide, WIDTH, 1, bias=False)
    return nn.Sequential(inner, nn.GroupNorm(4, wide), nn.ReLU(), outer)


class Bounded(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return 3 * torch.tanh(x / 3)


def encoder() -> nn.Sequential:
    """Nx3xSxS in 0..1 -> Nx32xS/8xS/8."""
    parts: list[nn.Module] = [conv(3, WIDTH), LatentBlock()]
    for deep in (False, False, True):
        parts += [conv(WIDTH, WIDTH, stride=2, bias=False), *(LatentBlock(deep) for _ in range(3))]
    return nn.Sequential(*parts, conv(WIDTH, LATENT))


def decoder() -> nn.Sequential:
    """Nx32xSxS -> Nx3x8Sx8S."""
    parts: list[nn.Module] = [Bounded(), conv(LATENT, WIDTH), nn.ReLU()]
    for deep in (True, False, False):
        parts += [LatentBlock(deep) for _ in range(3)]
        parts += [nn.Upsample(scale_factor=2), conv(WIDTH, WIDTH, bias=False)]
    return nn.Sequential(*parts, LatentBlock(), conv(WIDTH, 3))


def load(weights: Path) -> nn.Sequential:
    """Image -> latents -> image."""
    both = {"encoder": encoder(), "decoder": decoder()}
    for name, net in both.items():
        state = torch.load(weights / f"taef2_{name}.pth", map_location="cpu", weights_only=True)
        net.load_state_dict(state)
    net = nn.Sequential(*both.values()).eval().to(device())
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return net


def reconstruct(net: nn.Sequential, crops: np.ndarray, seed: int = 0) -> np.ndarray:
    """NxSxSx3 uint8 -> the same; S must be a multiple of 8.

    The latents of every second face are shaken: a generator's are not those of a photograph either.
    """
    views = torch.from_numpy(np.ascontiguousarray(crops)).to(_place(net))
    pixels = views.permute(0, 3, 1, 2).float() / 255
    with torch.inference_mode(), mixed():
        latents = net[0](pixels.contiguous(memory_format=torch.channels_last))
        latents[::2] += SHAKEN * latents.std() * _noise(latents[::2], seed).to(latents)
        found = net[1](latents).float()
    copies = (found.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    # The fill is exact in both, or it alone would tell them apart.
    filled = (crops == FILL).all(axis=3, keepdims=True)
    return np.where(filled, crops, copies)


def scaled(copy: Copy, crops: np.ndarray, size: int) -> np.ndarray:
    """Copies made at another size and brought back; the fill is exact in both."""
    found = _resized(copy(_resized(crops, size)), crops.shape[1])
    return np.where((crops == FILL).all(axis=3, keepdims=True), crops, found)


def _resized(crops: np.ndarray, size: int) -> np.ndarray:
    if size == crops.shape[1]:
        return crops
    how = cv2.INTER_AREA if size < crops.shape[1] else cv2.INTER_CUBIC
    return np.stack([cv2.resize(crop, (size, size), interpolation=how) for crop in crops])


def _place(net: nn.Module) -> torch.device:
    return next(net.parameters()).device


def _noise(like: Tensor, seed: int) -> Tensor:
    """Normal noise, of a strength of its own (0..1) for every image."""
    generator = torch.Generator().manual_seed(seed)
    strength = torch.rand(len(like), 1, 1, 1, generator=generator)
    return torch.randn(like.shape, generator=generator) * strength


def chosen(
    index: Index, assigned: np.ndarray, count: int, seed: int = 0, splits: Sequence[str] = SPLITS
) -> np.ndarray:
    """Genuine rows, sources in turn, at most `count`."""
    usable = np.flatnonzero(~index.fake & np.isin(assigned, splits))
    usable = np.random.default_rng(seed).permutation(usable)
    turn = np.zeros(len(usable), int)
    for source in np.unique(index.source[usable]):
        mine = index.source[usable] == source
        turn[mine] = np.arange(mine.sum())
    return usable[np.argsort(turn, kind="stable")][:count]


def copied(
    out: Path,
    name: str,
    crops: np.ndarray,
    rows: np.ndarray,
    copy: Callable[[np.ndarray, int], np.ndarray],
) -> None:
    """Write OUT/NAMEs.npy and OUT/NAME_rows.npy; `copy` gets a batch and its first number."""
    file, listed = out / f"{name}s.npy", out / f"{name}_rows.npy"
    mode = "r+" if file.exists() else "w+"
    shape = None if mode == "r+" else (len(rows), *crops.shape[1:])
    copies = np.lib.format.open_memmap(file, mode, np.uint8, shape)
    for start in range(len(np.load(listed)) if mode == "r+" else 0, len(rows), BATCH):
        few = rows[start : start + BATCH]
        copies[start : start + len(few)] = copy(np.asarray(crops[few]), start)
        np.save(listed, rows[: start + len(few)])
        if start % (50 * BATCH) == 0:
            print(f"{start}/{len(rows)}", flush=True)


def make(out: Path, weights: Path, count: int) -> None:
    """Write OUT/latent_rows.npy and OUT/latents.npy."""
    crops, rows = load_crops(out), chosen(load_index(out), np.load(out / "split.npy"), count)
    net = load(weights)

    def copy(some: np.ndarray, start: int) -> np.ndarray:
        size = SIZES[start // BATCH % len(SIZES)]
        return scaled(lambda crop: reconstruct(net, crop, start), some, size)

    copied(out, "latent", crops, rows, copy)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--count", type=int, default=6000)
    args = parser.parse_args()
    make(args.out, args.weights, args.count)


if __name__ == "__main__":
    main()
