"""A modelled camera: what it does to a scene, for live faces and presentation attacks alike.

Everything that tells one webcam from another goes in here at random strength: where it stands, how
sharp it is, how it weighs colours, how much light it has, how it encodes. None of it may tell
attacks from live faces, so every training view goes through it.
"""

from __future__ import annotations

import cv2
import numpy as np

Image = np.ndarray  # HxWx3 float32 RGB, 0..1


def seen(scene: Image, rng: np.random.Generator, strength: float = 1.0) -> Image:
    """The scene as a camera gives it; `strength` 0 leaves it as it is."""
    image = _resolved(_focused(scene, rng, strength), rng, strength)
    image = _noisy(_exposed(image, rng, strength), rng, strength)
    return _encoded(_processed(image, rng, strength), rng)


def turned(scene: Image, rng: np.random.Generator, most: float = 0.06) -> Image:
    """In perspective: each corner moves by up to `most` of the size; the border is repeated."""
    height, width = scene.shape[:2]
    corners = np.float32([[0, 0], [width, 0], [width, height], [0, height]])
    moved = corners + rng.uniform(-most, most, (4, 2)) * [width, height]
    matrix = cv2.getPerspectiveTransform(corners, moved.astype(np.float32))
    return _warped(scene, matrix)


def _warped(scene: Image, matrix: np.ndarray) -> Image:
    size = scene.shape[1], scene.shape[0]
    return np.asarray(cv2.warpPerspective(scene, matrix, size, borderMode=cv2.BORDER_REPLICATE))


def _focused(image: Image, rng: np.random.Generator, strength: float) -> Image:
    """Out of focus, or moved while the shutter was open."""
    choice = rng.random()
    if choice < 0.25 * strength:
        return blurred(image, rng.uniform(0.4, 2.2) * image.shape[1] / 200)
    if choice < 0.32 * strength:
        return _moved(image, rng)
    return image


def blurred(image: Image, sigma: float) -> Image:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), max(sigma, 0.05)))


def _moved(image: Image, rng: np.random.Generator) -> Image:
    length, angle = int(rng.integers(3, 9)), rng.uniform(0, 180)
    kernel = np.zeros((length, length), np.float32)
    kernel[length // 2] = 1
    middle = (length - 1) / 2, (length - 1) / 2
    kernel = cv2.warpAffine(kernel, cv2.getRotationMatrix2D(middle, angle, 1), (length, length))
    return np.asarray(cv2.filter2D(image, -1, kernel / max(float(kernel.sum()), 1e-3)))


def _resolved(image: Image, rng: np.random.Generator, strength: float) -> Image:
    """Fewer pixels, and enlarged again."""
    if rng.random() > 0.4 * strength:
        return image
    height, width = image.shape[:2]
    scale = rng.uniform(0.3, 0.9)
    small = (max(8, round(width * scale)), max(8, round(height * scale)))
    down = int(rng.choice([cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC]))
    up = int(rng.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC]))
    return np.asarray(cv2.resize(cv2.resize(image, small, interpolation=down), (width, height),
                                 interpolation=up))  # fmt: skip


def _exposed(image: Image, rng: np.random.Generator, strength: float) -> Image:
    """White balance, exposure, contrast, saturation."""
    if rng.random() > 0.8:
        return image
    gains = np.exp(rng.normal(0, 0.09 * strength, 3))
    lit = np.clip(image, 0, None) ** np.exp(rng.normal(0, 0.22 * strength)) * gains
    lit = (lit - 0.5) * np.exp(rng.normal(0, 0.15 * strength)) + 0.5
    lit = lit + rng.normal(0, 0.05 * strength)
    grey = lit.mean(axis=2, keepdims=True)
    share = 0.0 if rng.random() < 0.06 * strength else np.exp(rng.normal(0, 0.25 * strength))
    return np.asarray(np.clip(grey + (lit - grey) * share, 0, 1), np.float32)


def _noisy(image: Image, rng: np.random.Generator, strength: float) -> Image:
    if rng.random() > 0.45 * strength:
        return image
    height, width = image.shape[:2]
    coarse = rng.uniform(1, 2.5)
    small = rng.normal(0, 1, (max(1, int(height / coarse)), max(1, int(width / coarse)), 3))
    noise = cv2.resize(small.astype(np.float32), (width, height)) * rng.uniform(0.004, 0.035)
    return np.clip(image + noise * np.sqrt(np.clip(image, 0.05, 1)), 0, 1)


def _processed(image: Image, rng: np.random.Generator, strength: float) -> Image:
    """Noise reduction, or sharpening, by the camera's own processor."""
    choice = rng.random()
    if choice < 0.15 * strength:
        pixels = as_pixels(image)
        return as_image(cv2.bilateralFilter(pixels, 7, rng.uniform(10, 50), rng.uniform(3, 9)))
    if choice < 0.35 * strength:
        amount, soft = rng.uniform(0.3, 1.8), blurred(image, rng.uniform(0.7, 2))
        return np.clip(image + amount * (image - soft), 0, 1)
    return image


def _encoded(image: Image, rng: np.random.Generator) -> Image:
    """By JPEG, as everything is that goes over a wire."""
    quality = int(rng.integers(40, 97))
    sampling = (cv2.IMWRITE_JPEG_SAMPLING_FACTOR, int(rng.choice([0x411111, 0x221111])))
    bgr = np.ascontiguousarray(as_pixels(image)[..., ::-1])
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality, *sampling])
    return as_image(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])


def as_pixels(image: Image) -> np.ndarray:
    return np.asarray(np.clip(np.rint(image * 255), 0, 255).astype(np.uint8))


def as_image(pixels: np.ndarray) -> Image:
    return np.asarray(pixels, np.float32) / np.float32(255)
