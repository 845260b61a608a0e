"""Fakes made of genuine faces, each blended inside a mask around the face or a part of it.

`self_blend`: with its own changed copy. `swap`: with another person's face or one feature of it.
`inlay`: with a copy that some other means has changed.

Idea: K. Shiohara and T. Yamasaki, Detecting Deepfakes with Self-Blended Images, CVPR 2022. Here the
mask comes from BlazeFace's six keypoints. Geometry, colour, sharpness and codec differ inside the
mask only, which is the mark of nearly every composited or swapped face.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from service.analysis.face.blazeface import LEFT_EYE, MOUTH, NOSE_TIP, RIGHT_EAR, RIGHT_EYE
from service.analysis.face.crop import FILL
from training.data.augment import down_up, encoded, frame_of

EARS = RIGHT_EAR  # keypoints before it lie on the front of the face
REDRAWN = 0.6  # of the self-blends
DRAWN = (50, 130)  # pixels that a swapper's network gives of the face, about
FACE = 2.4  # its width by the distance of the eyes
Part = Callable[[np.ndarray, float, np.random.Generator], tuple[np.ndarray, np.ndarray]]


def self_blend(crop: np.ndarray, keypoints: np.ndarray, seed: int) -> np.ndarray:
    """A manipulated copy of an SxSx3 uint8 RGB crop; `keypoints` 6x2 in its pixels.

    Only what lies inside the photograph changes; the fill around it stays exact.
    """
    left, top, right, bottom = frame_of(crop)
    result = crop.copy()
    photograph = crop[top:bottom, left:right]
    result[top:bottom, left:right] = _blend(photograph, keypoints - [left, top], seed)
    return result


def swap(
    crop: np.ndarray, keypoints: np.ndarray, donor: np.ndarray, donors: np.ndarray, seed: int
) -> np.ndarray:
    """The donor's face or one feature of it, moved by its keypoints onto those of `crop`.

    It is coloured like its surroundings and pasted with a soft rim, or cloned by its gradients.
    """
    rng = np.random.default_rng(seed)
    matrix, _ = cv2.estimateAffine2D(donors[:EARS], keypoints[:EARS])
    if matrix is None:
        return self_blend(crop, keypoints, seed)
    size, border = crop.shape[1::-1], cv2.BORDER_REFLECT
    moved = cv2.warpAffine(donor, matrix, size, flags=cv2.INTER_LINEAR, borderMode=border)
    part = _oval if rng.random() < 0.5 else _feature
    mask = _mask(crop.shape[:2], keypoints, _unit(crop, keypoints), rng, part)
    changed = _texture(_like(moved, crop, mask), rng)
    return cloned(crop, changed, mask) if rng.random() < 0.3 else _mixed(crop, changed, mask)


def inlay(crop: np.ndarray, changed: np.ndarray, keypoints: np.ndarray, seed: int) -> np.ndarray:
    """`changed` inside the mask, `crop` outside."""
    rng = np.random.default_rng(seed)
    mask = _mask(crop.shape[:2], keypoints, _unit(crop, keypoints), rng, _oval)
    return _mixed(crop, changed, mask)


def _mixed(crop: np.ndarray, changed: np.ndarray, mask: np.ndarray) -> np.ndarray:
    mixed = np.rint(crop * (1 - mask) + changed * mask)
    return np.where((crop == FILL).all(axis=2, keepdims=True), crop, mixed).astype(np.uint8)


def cloned(crop: np.ndarray, changed: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Poisson's blending, as an editor's healing brush does it; without room for it, `_mixed`."""
    inner = np.zeros(crop.shape[:2], np.uint8)
    inner[2:-2, 2:-2] = (mask[2:-2, 2:-2, 0] > 0.5) * 255
    left, top, width, height = cv2.boundingRect(inner)
    if min(width, height) < 8:
        return _mixed(crop, changed, mask)
    middle = (left + width // 2, top + height // 2)
    result = cv2.seamlessClone(changed, crop, inner, middle, cv2.NORMAL_CLONE)
    return np.where((crop == FILL).all(axis=2, keepdims=True), crop, result)


def _like(image: np.ndarray, model: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Mean and spread of each channel inside the mask as in `model`."""
    inside = mask[..., 0] > 0.5
    if inside.sum() < 50:
        return image
    mine, other = image[inside].astype(np.float32), model[inside].astype(np.float32)
    gain = np.clip(other.std(axis=0) / np.maximum(mine.std(axis=0), 1), 0.5, 2)
    moved = (image - mine.mean(axis=0)) * gain + other.mean(axis=0)
    return np.clip(moved, 0, 255).astype(np.uint8)


def _unit(crop: np.ndarray, keypoints: np.ndarray) -> float:
    """The distance of the eyes, in pixels."""
    eyes = keypoints[[RIGHT_EYE, LEFT_EYE]]
    return max(float(np.linalg.norm(eyes[1] - eyes[0])), 0.15 * len(crop))


def _blend(crop: np.ndarray, keypoints: np.ndarray, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    unit = _unit(crop, keypoints)
    mask = _mask(crop.shape[:2], keypoints, unit, rng, _oval)
    moved = _colour(_move(crop, keypoints, unit, rng), rng)
    changed = _redrawn(moved, unit, rng) if rng.random() < REDRAWN else _texture(moved, rng)
    return np.asarray(np.rint(crop * (1 - mask) + changed * mask), np.uint8)


def _mask(
    shape: tuple[int, ...],
    keypoints: np.ndarray,
    unit: float,
    rng: np.random.Generator,
    part: Part,
) -> np.ndarray:
    """SxSx1 in 0..1: a part of the face with a bumpy outline and a soft rim."""
    centre, axes = part(keypoints, unit, rng)
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    radii = 1 + rng.normal(0, 0.06, 24)
    eyes = keypoints[LEFT_EYE] - keypoints[RIGHT_EYE]
    tilt = np.arctan2(eyes[1], eyes[0])
    ring = np.stack([np.cos(angles), np.sin(angles)], axis=1) * radii[:, None] * axes
    turn = np.array([[np.cos(tilt), np.sin(tilt)], [-np.sin(tilt), np.cos(tilt)]])
    mask = np.zeros(shape, np.float32)
    cv2.fillPoly(mask, [np.rint(ring @ turn + centre).astype(np.int32)], 1.0)
    soft = cv2.GaussianBlur(mask, (0, 0), unit * rng.uniform(0.02, 0.25))
    return np.asarray(soft * rng.choice([0.5, 0.75, 1.0, 1.0, 1.0]))[..., None]


def _oval(
    keypoints: np.ndarray, unit: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """(centre, half axes) of the whole face, or one time in five of the mouth or the eyes."""
    eyes, mouth = keypoints[[RIGHT_EYE, LEFT_EYE]].mean(axis=0), keypoints[MOUTH]
    part = rng.random()
    if part < 0.1:
        return mouth, unit * rng.uniform([0.45, 0.25], [0.7, 0.45])
    if part < 0.2:
        return eyes, unit * rng.uniform([0.8, 0.25], [1.1, 0.45])
    lower = rng.uniform(0.4, 0.75)
    return eyes * (1 - lower) + mouth * lower, unit * rng.uniform([0.75, 0.9], [1.15, 1.5])


def _feature(
    keypoints: np.ndarray, unit: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """(centre, half axes) of one eye, the nose, the mouth or the lower face."""
    eyes, nose, mouth = keypoints[[RIGHT_EYE, LEFT_EYE]], keypoints[NOSE_TIP], keypoints[MOUTH]
    centre, low, high = [
        (eyes[rng.integers(2)], (0.33, 0.2), (0.5, 0.4)),
        ((eyes.mean(axis=0) + 2 * nose) / 3, (0.28, 0.4), (0.45, 0.6)),
        (mouth, (0.45, 0.25), (0.7, 0.45)),
        (mouth, (0.75, 0.5), (1.1, 0.8)),
    ][rng.integers(4)]
    return centre, unit * rng.uniform(low, high)


def _move(
    crop: np.ndarray, keypoints: np.ndarray, unit: float, rng: np.random.Generator
) -> np.ndarray:
    """Scaled by a few per cent, turned by a few degrees, shifted by a few pixels."""
    x, y = keypoints.mean(axis=0)
    turn = cv2.getRotationMatrix2D((float(x), float(y)), rng.normal(0, 1.5), 1.0)
    matrix = np.asarray(turn, float)
    matrix[:, :2] *= rng.uniform(0.94, 1.06, (2, 1))
    matrix[:, 2] += [x, y] - matrix @ [x, y, 1] + rng.normal(0, 0.03, 2) * unit
    size = crop.shape[1::-1]
    flags, border = cv2.INTER_LINEAR, cv2.BORDER_REPLICATE
    return np.asarray(cv2.warpAffine(crop, matrix, size, flags=flags, borderMode=border))


def _colour(crop: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    if rng.random() < 0.2:
        return crop
    gain, shift = rng.normal(1, 0.06, 3), rng.normal(0, 7, 3) + rng.normal(0, 6)
    return np.clip(crop * gain + shift, 0, 255).astype(np.uint8)


def _redrawn(crop: np.ndarray, unit: float, rng: np.random.Generator) -> np.ndarray:
    """As a swapper's network draws a face: smooth, of few pixels, enlarged, often sharpened."""
    smoothed, size = _smooth(crop, rng), crop.shape[1::-1]
    scale = float(np.clip(rng.uniform(*DRAWN) / (unit * FACE), 0.2, 0.9))
    small = cv2.resize(smoothed, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    how = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4)[rng.integers(3)]
    large = np.asarray(cv2.resize(small, size, interpolation=how))
    if rng.random() < 0.7:
        return large
    soft, more = cv2.GaussianBlur(large, (0, 0), rng.uniform(0.8, 2)), rng.uniform(0.3, 1)
    return np.asarray(cv2.addWeighted(large, 1 + more, soft, -more, 0))


def _smooth(crop: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    choice, crop = rng.random(), np.ascontiguousarray(crop)
    if choice < 0.3:
        spread, reach = rng.uniform(20, 60), rng.uniform(3, 20)
        return np.asarray(cv2.bilateralFilter(crop, int(rng.integers(5, 11)), spread, reach))
    if choice < 0.5:
        reach, edges = rng.uniform(5, 25), rng.uniform(0.05, 0.2)
        return np.asarray(cv2.edgePreservingFilter(crop, flags=1, sigma_s=reach, sigma_r=edges))
    if choice < 0.6:
        return np.asarray(cv2.GaussianBlur(crop, (0, 0), rng.uniform(0.6, 1.6)))
    return crop


def _texture(crop: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Less detail, more detail, or another codec."""
    choice = rng.random()
    if choice < 0.4:
        return down_up(crop, rng.uniform(0.25, 0.8), rng)
    if choice < 0.6:
        soft = cv2.GaussianBlur(crop, (0, 0), rng.uniform(0.8, 2))
        return np.asarray(cv2.addWeighted(crop, 1.8, soft, -0.8, 0))
    if choice < 0.8:
        return encoded(crop, ".jpg", int(rng.integers(25, 80)))
    return crop
