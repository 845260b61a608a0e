"""Random changes that take cheap cues away from both classes alike.

Framing, resolution, codec, colour and filled borders tell sources apart, not fakes from genuine
faces. A pair (a fake and its original) gets the same changes: same seed.
"""

from __future__ import annotations

import cv2
import numpy as np

from service.analysis.face.crop import FILL
from training.data.dataset import ROOMY, STORED

SIZE = 224
MARGIN = 1.3
JPEG = (30, 98)
WEBP = (40, 95)


def plain(crop: np.ndarray) -> np.ndarray:
    """SIZExSIZEx3 view at the serving margin; what serving sees, but for one resampling more."""
    side = round(STORED * MARGIN / ROOMY)
    start = (STORED - side) // 2
    cut = crop[start : start + side, start : start + side]
    return np.asarray(cv2.resize(cut, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR))


def augment(crop: np.ndarray, seed: int) -> np.ndarray:
    """STOREDxSTOREDx3 -> SIZExSIZEx3, uint8 RGB; the same changes for the same seed."""
    rng = np.random.default_rng(seed)
    matrix, inside = _framing(rng), _borders(frame_of(crop), rng)
    image = _warp(_reencode(crop, rng, 0.3), matrix)
    image = _resolution(_colour(image, rng), rng)
    image = _reencode(_noise(image, rng), rng, 0.85)
    image[_warp(inside, matrix) < 128] = FILL  # serving fills last: the fill is always exact
    flip = rng.random() < 0.5
    return np.ascontiguousarray(image[:, ::-1] if flip else image)


def lightly(crop: np.ndarray, seed: int) -> np.ndarray:
    """As `augment`, but little: near what serving sees of a sound photograph."""
    rng = np.random.default_rng(seed)
    scale = SIZE / (STORED / ROOMY * rng.uniform(1.2, 1.45))
    image = _warp(crop, _placed(scale, rng.normal(0, 2), rng.normal(0, 0.015, 2)))
    if rng.random() < 0.3:
        image = down_up(image, rng.uniform(0.45, 0.95), rng)
    image = encoded(image, ".jpg", int(rng.integers(45, 98)))
    return np.ascontiguousarray(image[:, ::-1] if rng.random() < 0.5 else image)


def frame_of(crop: np.ndarray) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) of the part of a crop that is not fill."""
    filled = (crop == FILL).all(axis=2)
    columns, rows = np.flatnonzero(~filled.all(axis=0)), np.flatnonzero(~filled.all(axis=1))
    if not len(columns):
        return 0, 0, crop.shape[1], crop.shape[0]
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _framing(rng: np.random.Generator) -> np.ndarray:
    """2x3 map from a stored crop to a view: scale 1.1-1.6, rotation, shift."""
    scale = SIZE / (STORED / ROOMY * rng.uniform(1.1, 1.6))
    return _placed(scale, rng.normal(0, 6), rng.normal(0, 0.04, 2))


def _placed(scale: float, turn: float, shift: np.ndarray) -> np.ndarray:
    """`turn` in degrees; `shift`: across and down, in parts of a view."""
    middle = (STORED / 2, STORED / 2)
    matrix = np.asarray(cv2.getRotationMatrix2D(middle, turn, scale), float)
    matrix[:, 2] += SIZE / 2 - STORED / 2 + shift * SIZE
    return matrix


def _warp(image: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    fill = (FILL, FILL, FILL) if image.ndim == 3 else 0
    return np.asarray(cv2.warpAffine(image, matrix, (SIZE, SIZE), borderValue=fill))


def _borders(frame: tuple[int, int, int, int], rng: np.random.Generator) -> np.ndarray:
    """STOREDxSTORED mask, 255 inside the photograph; often smaller than it really was.

    Then it ends at 0.9 to 1.4 box widths, so that filled borders say nothing about the source.
    """
    left, top, right, bottom = frame
    if rng.random() < 0.6:
        half = rng.uniform(0.9, 1.4, 4) * STORED / ROOMY / 2
        low, high = (STORED / 2 - half[:2]).astype(int), (STORED / 2 + half[2:]).astype(int)
        left, top = max(left, low[0], 0), max(top, low[1], 0)
        right, bottom = min(right, high[0]), min(bottom, high[1])
    mask = np.zeros((STORED, STORED), np.uint8)
    mask[top:bottom, left:right] = 255
    return mask


def _colour(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Brightness, contrast, gamma, white balance; one in ten grey."""
    if rng.random() < 0.1:
        return np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    if rng.random() < 0.3:
        return image
    levels = np.arange(256) / 255.0
    curves = levels[:, None] ** rng.uniform(0.75, 1.35) * rng.normal(1, 0.06, 3)
    curves = (curves - 0.5) * rng.uniform(0.75, 1.25) + 0.5 + rng.normal(0, 0.05)
    table = np.clip(curves * 255, 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(image, table[:, None, :]))


def _resolution(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Down and up again, as it is or as a messenger sends it; blurred; or sharpened."""
    choice = rng.random()
    if choice < 0.25:
        return down_up(image, rng.uniform(0.35, 0.95), rng)
    if choice < 0.5:
        return _sent(image, rng)
    if choice < 0.55:
        return np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 1.5)))
    if choice < 0.6:
        soft = cv2.GaussianBlur(image, (0, 0), 1.2)
        amount = rng.uniform(0.2, 1.0)
        return np.asarray(cv2.addWeighted(image, 1 + amount, soft, -amount, 0))
    return image


def down_up(image: np.ndarray, factor: float, rng: np.random.Generator) -> np.ndarray:
    """Shrunk by `factor` and enlarged again, each with a random filter."""
    height, width = image.shape[:2]
    small = (max(8, round(width * factor)), max(8, round(height * factor)))
    return _resized(_resized(image, small, rng), (width, height), rng)


def _sent(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Encoded, shrunk, encoded while small, then enlarged: its blocks fit no grid afterwards."""
    height, width = image.shape[:2]
    side = round(width * rng.uniform(0.4, 0.9))
    small = _resized(_reencode(image, rng, 0.7), (side, side), rng)
    return _resized(_reencode(small, rng, 1.0), (width, height), rng)


def _resized(image: np.ndarray, size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """`size`: width, height; with a random filter."""
    ways = [cv2.INTER_LINEAR, cv2.INTER_AREA, cv2.INTER_CUBIC]
    return np.asarray(cv2.resize(image, size, interpolation=ways[rng.integers(3)]))


def _noise(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    if rng.random() < 0.75:
        return image
    noise = rng.normal(0, rng.uniform(1, 8), image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def _reencode(image: np.ndarray, rng: np.random.Generator, chance: float) -> np.ndarray:
    """JPEG, one in eight times WebP, of a random quality."""
    if rng.random() > chance:
        return image
    if rng.random() < 0.125:
        return encoded(image, ".webp", int(rng.integers(*WEBP)))
    return encoded(image, ".jpg", int(rng.integers(*JPEG)))


def encoded(image: np.ndarray, suffix: str, quality: int) -> np.ndarray:
    """The image after one encoding; RGB in, RGB out (the codecs' own order is BGR)."""
    key = cv2.IMWRITE_JPEG_QUALITY if suffix == ".jpg" else cv2.IMWRITE_WEBP_QUALITY
    _, data = cv2.imencode(suffix, np.ascontiguousarray(image[..., ::-1]), [key, quality])
    return np.ascontiguousarray(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))[..., ::-1])
