"""Large made-up scenes, with or without a face, to measure a face detector on.

A face comes with its natural surroundings: the whole photograph is scaled until the face is as wide
as asked for, and its edges are feathered into the scene.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

FEATHER = 0.12  # of the photograph's shorter side
Box = tuple[float, float, float, float]  # x, y, width, height
Backdrop = Callable[[np.random.Generator, int, int], np.ndarray]


@dataclass(frozen=True, eq=False)
class Scene:
    """HxWx3 uint8 RGB with one upright face in `box`."""

    image: np.ndarray
    box: Box
    source: str
    group: str


def plain(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """A wall: one colour that fades from corner to corner."""
    slope = rng.uniform(-30, 30, 2)
    fade = np.linspace(0, slope[0], height)[:, None] + np.linspace(0, slope[1], width)
    return _pixels(rng.uniform(60, 200, 3) + fade[..., None])


def mottled(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Blotches of every size, from a third of the scene down to a few pixels."""
    scene = np.full((height, width, 3), rng.uniform(90, 170, 3), np.float32)
    for cells in (3, 9, 27, 81, 243):
        blotches = rng.normal(0, 22, (cells, cells, 3)).astype(np.float32)
        scene += cv2.resize(blotches, (width, height), interpolation=cv2.INTER_CUBIC)
    return _pixels(scene)


def cluttered(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Three hundred discs, boxes, lines and letters in front of blotches."""
    scene = mottled(rng, height, width)
    for _ in range(300):
        _thing(rng, scene)
    return scene


def _thing(rng: np.random.Generator, scene: np.ndarray) -> None:
    height, width = scene.shape[:2]
    at = (int(rng.integers(width)), int(rng.integers(height)))
    size = int(width * rng.uniform(0.005, 0.06))
    colour = [int(value) for value in rng.integers(0, 256, 3)]
    other = (at[0] + size, at[1] + int(size * rng.uniform(0.3, 2)))
    kind = rng.integers(4)
    if kind == 0:
        axes = (size, int(size * rng.uniform(0.5, 1.5)))
        cv2.ellipse(scene, at, axes, float(rng.uniform(0, 180)), 0, 360, colour, -1, cv2.LINE_AA)
    elif kind == 1:
        cv2.rectangle(scene, at, other, colour, -1)
    elif kind == 2:
        cv2.line(scene, at, other, colour, max(1, size // 8), cv2.LINE_AA)
    else:
        text = "".join(chr(code) for code in rng.integers(48, 123, 5))
        cv2.putText(scene, text, at, cv2.FONT_HERSHEY_DUPLEX, size / 30, colour, 2, cv2.LINE_AA)


BACKDROPS: dict[str, Backdrop] = {"plain": plain, "mottled": mottled, "cluttered": cluttered}


def paste(
    scene: np.ndarray, photograph: Scene, face_width: float, rng: np.random.Generator
) -> Box | None:
    """Put the photograph anywhere in the scene, in place; the face's box there, None if it is
    too large to fit."""
    factor = face_width / photograph.box[2]
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    image = cv2.resize(photograph.image, None, fx=factor, fy=factor, interpolation=method)
    free = np.array(scene.shape[:2]) - image.shape[:2]
    if free.min() < 0:
        return None
    top, left = (int(rng.integers(most + 1)) for most in free)
    part = scene[top : top + image.shape[0], left : left + image.shape[1]]
    alpha = _feather(*image.shape[:2])[..., None]
    part[:] = _pixels(part * (1 - alpha) + image * alpha)
    x, y, width, height = (value * factor for value in photograph.box)
    return x + left, y + top, width, height


def _feather(height: int, width: int) -> np.ndarray:
    """1 inside, falling to 0 at the edges."""
    edge = max(1.0, FEATHER * min(height, width))
    rows, columns = (
        np.minimum(np.arange(n) + 0.5, n - np.arange(n) - 0.5) / edge for n in (height, width)
    )
    return np.asarray(np.clip(np.minimum(rows[:, None], columns), 0, 1))


def _pixels(values: np.ndarray) -> np.ndarray:
    return np.clip(values, 0, 255).astype(np.uint8)


def box_iou(one: Box, other: Box) -> float:
    """Intersection over union of two boxes."""
    (x, y, w, h), (u, v, s, t) = one, other
    shared = max(0.0, min(x + w, u + s) - max(x, u)) * max(0.0, min(y + h, v + t) - max(y, v))
    return shared / (w * h + s * t - shared)
