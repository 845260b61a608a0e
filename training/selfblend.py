"""Self-blended images: a genuine face blended with its own changed copy inside a mask.

Idea: K. Shiohara and T. Yamasaki, Detecting Deepfakes with Self-Blended Images, CVPR 2022. Here the
mask comes from BlazeFace's six keypoints. Geometry, colour, sharpness and codec differ inside the
mask only, which is the mark of nearly every composited or swapped face.
"""

from __future__ import annotations

import cv2
import numpy as np

from service.analysis.faces import LEFT_EYE, MOUTH, RIGHT_EYE
from training.augment import down_up, encoded, frame_of


def self_blend(crop: np.ndarray, keypoints: np.ndarray, seed: int) -> np.ndarray:
    """A manipulated copy of an SxSx3 uint8 RGB crop; `keypoints` 6x2 in its pixels.

    Only what lies inside the photograph changes; the fill around it stays exact.
    """
    left, top, right, bottom = frame_of(crop)
    result = crop.copy()
    photograph = crop[top:bottom, left:right]
    result[top:bottom, left:right] = _blend(photograph, keypoints - [left, top], seed)
    return result


def _blend(crop: np.ndarray, keypoints: np.ndarray, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    eyes = keypoints[[RIGHT_EYE, LEFT_EYE]]
    unit = max(float(np.linalg.norm(eyes[1] - eyes[0])), 0.15 * len(crop))
    mask = _mask(crop.shape[:2], keypoints, unit, rng)
    changed = _texture(_colour(_move(crop, keypoints, unit, rng), rng), rng)
    return np.asarray(np.rint(crop * (1 - mask) + changed * mask), np.uint8)


def _mask(
    shape: tuple[int, ...], keypoints: np.ndarray, unit: float, rng: np.random.Generator
) -> np.ndarray:
    """SxSx1 in 0..1: the face's oval, or one part of it, with a bumpy outline and a soft rim."""
    centre, axes = _oval(keypoints, unit, rng)
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
