"""Small autoencoders of several makes, trained on the genuine faces, and copies by them.

    python -m training.data.autoencoders --out DIR [--count N]

OUT is the folder of `training.fit.train`, with split.npy. What a detector knows of one decoder
hardly tells it of another, so there are several: they differ in how they enlarge, in how much they
keep and in what they were taught to keep. Two minutes each on a core. Written are
OUT/autoencoders/N.pt, OUT/recoding_rows.npy, the genuine rows, and OUT/recodings.npy, their copies;
interrupted, the same command goes on.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from training.data.dataset import STORED, load_crops, load_index
from training.data.latents import chosen, copied, scaled

WIDTH, PATCH, BATCH, STEPS, RATE = 32, 64, 10, 700, 2e-3
SHAKEN = 0.4  # the strongest noise, in standard deviations of what is kept
SIZES = (192, 224, STORED, STORED, STORED, 352)  # pixels at which a face goes through, drawn
SEED = 11


class Make(NamedTuple):
    """How it enlarges (`ENLARGE`), values kept of 4x4 pixels, normalised or not, and its loss."""

    enlarge: str
    kept: int
    norm: bool
    loss: str


MAKES = (
    Make("shuffle", 8, False, "edges"),
    Make("transposed 3", 16, False, "spectrum"),
    Make("nearest", 24, False, "squares"),
    Make("shuffle", 24, True, "edges"),
    Make("transposed 4", 24, False, "spectrum"),
    Make("bilinear", 24, True, "squares"),
    Make("transposed 3", 24, False, "edges"),
)


def _same(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1)


def _after(upsample: nn.Module, inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(upsample, _same(inputs, outputs))


ENLARGE: dict[str, Callable[[int, int], nn.Module]] = {
    "nearest": lambda i, o: _after(nn.Upsample(scale_factor=2), i, o),
    "bilinear": lambda i, o: _after(nn.Upsample(scale_factor=2, mode="bilinear"), i, o),
    "shuffle": lambda i, o: nn.Sequential(_same(i, 4 * o), nn.PixelShuffle(2)),
    "transposed 3": lambda i, o: nn.ConvTranspose2d(i, o, 3, 2, 1, output_padding=1),
    "transposed 4": lambda i, o: nn.ConvTranspose2d(i, o, 4, 2, 1),
}


class GroupResidual(nn.Module):
    def __init__(self, width: int, norm: bool) -> None:
        super().__init__()
        first = nn.GroupNorm(4, width) if norm else nn.Identity()
        inner = (_same(width, width), nn.SiLU(), _same(width, width))
        self.inner = nn.Sequential(first, nn.SiLU(), *inner)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = x + self.inner(x)
        return found


def autoencoder(make: Make) -> nn.Sequential:
    """Nx3xSxS in 0..1 -> NxKEPTxS/4xS/4 -> Nx3xSxS."""
    half, enlarge = WIDTH // 2, ENLARGE[make.enlarge]
    encoder = nn.Sequential(
        _same(3, half), nn.Conv2d(half, WIDTH, 4, 2, 1), GroupResidual(WIDTH, make.norm),
        nn.Conv2d(WIDTH, 2 * WIDTH, 4, 2, 1), GroupResidual(2 * WIDTH, make.norm),
        nn.Conv2d(2 * WIDTH, make.kept, 1),
    )  # fmt: skip
    decoder = nn.Sequential(
        _same(make.kept, 2 * WIDTH), *(GroupResidual(2 * WIDTH, make.norm) for _ in range(2)),
        enlarge(2 * WIDTH, WIDTH), GroupResidual(WIDTH, make.norm), nn.SiLU(),
        enlarge(WIDTH, half), nn.SiLU(), _same(half, 3),
    )  # fmt: skip
    net = nn.Sequential(encoder, decoder)
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return net


def loss_of(kind: str, found: Tensor, wanted: Tensor) -> Tensor:
    """squares; edges: the pixels and their differences; spectrum: its magnitudes, too."""
    if kind == "squares":
        return (found - wanted).square().mean()
    off = found - wanted
    loss = off.abs().mean() + off.diff(dim=2).abs().mean() + off.diff(dim=3).abs().mean()
    if kind == "spectrum":
        ours, theirs = (torch.fft.rfft2(one, norm="ortho").abs() for one in (found, wanted))
        loss = loss + 0.1 * (ours - theirs).abs().mean()
    return loss


def learned(make: Make, patches: Iterator[Tensor], seed: int, steps: int) -> nn.Sequential:
    """Trained on `steps` of the NxPATCHxPATCHx3 batches in 0..1."""
    torch.manual_seed(seed)
    net = autoencoder(make)
    optimiser = torch.optim.AdamW(net.parameters(), RATE, weight_decay=0)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, steps, pct_start=0.1)
    for _, wanted in zip(range(steps), patches, strict=False):
        kept = net[0](wanted)
        shaken = kept + 0.05 * kept.std().detach() * torch.randn_like(kept)
        loss = loss_of(make.loss, net[1](shaken), wanted)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        rate.step()
    return net.eval()


def patches_of(crops: np.ndarray, rows: np.ndarray, seed: int) -> Iterator[Tensor]:
    """Endless BATCHx3xPATCHxPATCH in 0..1, out of the middles of the crops."""
    rng, edge = np.random.default_rng(seed), STORED // 6
    while True:
        corners = rng.integers(edge, STORED - PATCH - edge + 1, (BATCH, 2))
        some = zip(rng.choice(rows, BATCH), corners, strict=True)
        found = np.stack([crops[row, y : y + PATCH, x : x + PATCH] for row, (y, x) in some])
        yield torch.from_numpy(found).permute(0, 3, 1, 2).float() / 255


def through(net: nn.Sequential, crop: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A copy of an SxSx3 uint8 crop, its colours and shades those of the crop; half are shaken."""
    size, softness = int(rng.choice(SIZES)), float(rng.uniform(2, 5))
    strength = SHAKEN * float(rng.uniform()) * int(rng.integers(2))
    noise = torch.Generator().manual_seed(int(rng.integers(2**31)))

    def copy(crops: np.ndarray) -> np.ndarray:
        pixels = torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255
        with torch.inference_mode():
            kept = net[0](pixels.contiguous(memory_format=torch.channels_last))
            kept += strength * kept.std() * torch.randn(kept.shape, generator=noise)
            found = net[1](kept).clamp(0, 1).permute(0, 2, 3, 1).numpy()
        return np.stack([shaded(x, y, softness) for x, y in zip(found * 255, crops, strict=True)])

    return scaled(copy, crop[None], size)[0]


def shaded(found: np.ndarray, crop: np.ndarray, softness: float) -> np.ndarray:
    """What is coarse comes from the crop: a small network's tint would tell the copy by itself."""
    off = cv2.GaussianBlur(crop - found, (0, 0), softness)
    return np.clip(np.rint(found + off), 0, 255).astype(np.uint8)


def bank(out: Path, crops: np.ndarray, rows: np.ndarray, steps: int) -> list[nn.Sequential]:
    """One of each make, trained unless OUT/autoencoders has it."""
    place, nets = out / "autoencoders", []
    place.mkdir(exist_ok=True)
    for number, make in enumerate(MAKES):
        file = place / f"{number}.pt"
        if not file.exists():
            net = learned(make, patches_of(crops, rows, number), number, steps)
            torch.save(net.state_dict(), file)
            print(f"{make}: trained", flush=True)
        net = autoencoder(make)
        net.load_state_dict(torch.load(file, weights_only=True))
        nets.append(net.eval())
    return nets


def make(out: Path, count: int, steps: int = STEPS) -> None:
    """Write OUT/recoding_rows.npy and OUT/recodings.npy."""
    index, assigned, crops = load_index(out), np.load(out / "split.npy"), load_crops(out)
    nets = bank(out, crops, np.flatnonzero(~index.fake & (assigned == "train")), steps)
    rows = chosen(index, assigned, count, SEED, ("train", "validation"))

    def code(some: np.ndarray, start: int) -> np.ndarray:
        rng = np.random.default_rng([SEED, start])
        return np.stack([through(nets[rng.integers(len(nets))], one, rng) for one in some])

    copied(out, "recoding", crops, rows, code)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=2400)
    args = parser.parse_args()
    make(args.out, args.count)


if __name__ == "__main__":
    main()
