"""Augment selfies as phones do, at random strength, for both classes alike.

Noise reduction, beauty modes, tone mapping and sharpening leave marks that a detector would take
for those of a generator. `training.report.filters` has some of them at known strengths, to measure.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from service.analysis.face.crop import FILL
from training.report.filters import skin

Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def by_phone(crop: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One change of CHANGES to an SxSx3 uint8 RGB crop; the fill around the photograph stays."""
    crop = np.ascontiguousarray(crop)
    changed = CHANGES[rng.choice(len(CHANGES), p=SHARES)](crop, rng)
    return np.where((crop == FILL).all(axis=2, keepdims=True), crop, changed)


def bilateral(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    width, colour, space = int(rng.integers(5, 12)), rng.uniform(15, 70), rng.uniform(3, 40)
    return np.asarray(cv2.bilateralFilter(image, width, colour, space))


def non_local_means(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    h = rng.uniform(2, 9)
    return np.asarray(cv2.fastNlMeansDenoisingColored(image, None, h, h, 5, 9))


def edge_preserving(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    far, near = rng.uniform(5, 30), rng.uniform(0.05, 0.25)
    return np.asarray(cv2.edgePreservingFilter(image, flags=1, sigma_s=far, sigma_r=near))


def tone_mapped(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)
    share, limit = rng.uniform(0.6, 1.0), rng.uniform(1, 4)
    local = cv2.createCLAHE(limit, (4, 4)).apply(lab[..., 0])
    lab[..., 0] = np.rint(lab[..., 0] * (1 - share) + local * share)
    return np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB))


def sharpened(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    soft, amount = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.7, 2.5)), rng.uniform(0.4, 2)
    return np.asarray(cv2.addWeighted(image, 1 + amount, soft, -amount, 0))


def low_light(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Little light, brightened: noisy, and mostly denoised again."""
    light, noise = rng.uniform(0.15, 0.5), rng.normal(0, rng.uniform(1, 5), image.shape)
    lit = _pixels((image * light + noise) / light * rng.uniform(0.6, 1))
    clean = cv2.bilateralFilter(lit, 7, rng.uniform(20, 60), 5)
    return np.asarray(clean if rng.random() < 0.7 else lit)


def median(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.asarray(cv2.medianBlur(image, int(rng.choice([3, 5]))))


def beautified(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Skin is smoothed and a little lighter."""
    share = skin(image)[..., None] * rng.uniform(0.4, 0.95)
    smooth = cv2.bilateralFilter(image, 9, rng.uniform(25, 60), 9) + rng.uniform(0, 12)
    return _pixels(image * (1 - share) + smooth * share)


def _pixels(image: np.ndarray) -> np.ndarray:
    return np.asarray(np.clip(np.rint(image), 0, 255).astype(np.uint8))


CHANGES: tuple[Change, ...] = (
    bilateral, non_local_means, edge_preserving, tone_mapped,
    sharpened, low_light, median, beautified,
)  # fmt: skip
SHARES = (0.25, 0.02, 0.06, 0.17, 0.22, 0.08, 0.10, 0.10)
