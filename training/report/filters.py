"""What phones and beauty apps do to a selfie: HxWx3 uint8 RGB in, the same out, always alike."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import cv2
import numpy as np

Filter = Callable[[np.ndarray], np.ndarray]
# Skin in YCrCb, the usual bounds for all skin tones: luma is left free
SKIN_LOW, SKIN_HIGH = (0, 133, 77), (255, 180, 135)


def bilateral(diameter: int, image: np.ndarray) -> np.ndarray:
    """Smooths what differs little; `diameter` in pixels."""
    return np.asarray(cv2.bilateralFilter(image, diameter, 50, 50))


def non_local_means(h: float, image: np.ndarray) -> np.ndarray:
    """Averages patches that look alike; noise below `h` grey levels goes."""
    return np.asarray(cv2.fastNlMeansDenoisingColored(image, None, h, h, 7, 15))


def skin_smoothing(strength: float, image: np.ndarray) -> np.ndarray:
    """A beauty filter: skin is smoothed by `strength`, 0..1; edges and all else stay."""
    share = strength * skin(image)[..., None]
    return _pixels(image * (1 - share) + bilateral(15, image) * share)


def skin(image: np.ndarray) -> np.ndarray:
    """HxW in 0..1: where the colour is one of skin, with soft edges."""
    mask = cv2.inRange(cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb), SKIN_LOW, SKIN_HIGH)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), 3)) / 255


def unsharp(amount: float, image: np.ndarray) -> np.ndarray:
    """Adds `amount` times the detail finer than 1.5 px."""
    blurred = cv2.GaussianBlur(image, (0, 0), 1.5)
    return np.asarray(cv2.addWeighted(image, 1 + amount, blurred, -amount, 0))


def local_contrast(limit: float, image: np.ndarray) -> np.ndarray:
    """CLAHE of the lightness, in 8x8 tiles."""
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)
    lab[..., 0] = cv2.createCLAHE(limit, (8, 8)).apply(lab[..., 0])
    return np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB))


def tone_curve(amount: float, image: np.ndarray) -> np.ndarray:
    """An S curve: darker shadows, brighter lights; `amount` 0..1."""
    x = np.arange(256) / 255
    curve = (1 - amount) * x + amount * x * x * (3 - 2 * x)
    return np.asarray(cv2.LUT(image, _pixels(curve * 255)))


def hdr_look(amount: float, image: np.ndarray) -> np.ndarray:
    """Flattens large differences of light by `amount`, 0..1, and keeps the detail."""
    light = cv2.GaussianBlur(image.max(axis=2).astype(np.float32), (0, 0), max(image.shape) / 20)
    gain = ((light.mean() + 1) / (light + 1)) ** amount
    return _pixels(image * gain[..., None])


def low_light(share: float, image: np.ndarray) -> np.ndarray:
    """`share` of the light, with the noise that this leaves, brightened again and denoised."""
    rng = np.random.default_rng(0)
    electrons = rng.poisson(image * share * 4.0) / 4.0 + rng.normal(0, 1, image.shape)
    return non_local_means(7, _pixels(electrons / share))


def median(size: int, image: np.ndarray) -> np.ndarray:
    """Median of size x size pixels, each channel by itself."""
    return np.asarray(cv2.medianBlur(image, size))


def _pixels(values: np.ndarray) -> np.ndarray:
    return np.clip(np.round(values), 0, 255).astype(np.uint8)


FILTERS: dict[str, Filter] = {
    "bilateral 5 px": partial(bilateral, 5),
    "bilateral 11 px": partial(bilateral, 11),
    **{f"non-local means h {h}": partial(non_local_means, h) for h in (3, 5, 7, 10)},
    "skin smoothing 0.5": partial(skin_smoothing, 0.5),
    "skin smoothing 1.0": partial(skin_smoothing, 1.0),
    "unsharp 0.5": partial(unsharp, 0.5),
    "unsharp 1.5": partial(unsharp, 1.5),
    "local contrast": partial(local_contrast, 2.0),
    "tone curve": partial(tone_curve, 0.7),
    "HDR look": partial(hdr_look, 0.6),
    "low light, denoised": partial(low_light, 0.25),
    "median 3 px": partial(median, 3),
}
