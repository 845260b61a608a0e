"""Measure a face's quality, and name the reasons that follow from the settings.

The angles are estimates from six keypoints, good to about ten degrees: enough to tell a turned head
from a frontal one. FACE_IS_OCCLUDED is reserved: nothing here measures it, so it is never given.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np

from service.analysis.face.blazeface import Face
from service.analysis.judgement import Quality
from service.errors import Reason
from service.settings import Settings

SHARPNESS_SIZE = 96  # pixels; sharpness of faces of different sizes becomes comparable
# A mean head in centimetres, in the order of Face.keypoints: x to the image's right, y down,
# z towards the camera (after the canonical face model of MediaPipe, Apache-2.0)
HEAD = np.array(
    [
        [-3.15, -2.62, 3.6],
        [3.15, -2.62, 3.6],
        [0.0, 1.13, 7.48],
        [0.0, 3.5, 5.4],
        [-7.66, -0.67, -2.44],
        [7.66, -0.67, -2.44],
    ]
)
SOLVE = np.linalg.pinv(HEAD - HEAD.mean(axis=0))


def assess(image: np.ndarray, face: Face, settings: Settings, *, scale: float = 1.0) -> Quality:
    """The quality of one face of an upright HxWx3 uint8 RGB image.

    `scale` is the number of stored pixels per pixel of `image`.
    """
    yaw, pitch, roll = head_pose(face.keypoints)
    grey = _grey(image, face)
    quality = Quality(
        reasons=(),
        face_width=face.width * scale,
        yaw=yaw,
        pitch=pitch,
        roll=roll,
        sharpness=_sharpness(grey),
        brightness=float(grey.mean()) / 255,
        border=_border(image, face),
    )
    return replace(quality, reasons=tuple(_reasons(quality, settings)))


def head_pose(keypoints: np.ndarray) -> tuple[float, float, float]:
    """(yaw, pitch, roll) in degrees from 6x2 keypoints.

    Positive: turned to the image's right, looking up, leaning clockwise. A mean head is fitted
    under weak perspective (least squares, then the nearest rotation).
    """
    affine = (SOLVE @ (keypoints - keypoints.mean(axis=0))).T
    left, _, right = np.linalg.svd(affine, full_matrices=False)
    (x_x, _, x_z), (y_x, _, y_z) = left @ right
    towards_camera = np.sqrt(max(0.0, 1 - x_z**2 - y_z**2))
    yaw, pitch = np.arctan2(x_z, towards_camera), np.arctan2(-y_z, np.hypot(x_z, towards_camera))
    return float(np.degrees(yaw)), float(np.degrees(pitch)), float(np.degrees(np.arctan2(y_x, x_x)))


def _grey(image: np.ndarray, face: Face) -> np.ndarray:
    """The part of the face's box that lies in the image, as luma; at least one pixel."""
    height, width = image.shape[:2]
    x0, y0 = (int(np.clip(v, 0, m - 1)) for v, m in ((face.x, width), (face.y, height)))
    x1 = int(np.clip(face.x + face.width, x0 + 1, width))
    y1 = int(np.clip(face.y + face.height, y0 + 1, height))
    return np.asarray(cv2.cvtColor(image[y0:y1, x0:x1], cv2.COLOR_RGB2GRAY))


def _sharpness(grey: np.ndarray) -> float:
    method = cv2.INTER_AREA if min(grey.shape) > SHARPNESS_SIZE else cv2.INTER_LINEAR
    same = cv2.resize(grey, (SHARPNESS_SIZE, SHARPNESS_SIZE), interpolation=method)
    return float(cv2.Laplacian(same, cv2.CV_32F).var())


def _border(image: np.ndarray, face: Face) -> float:
    height, width = image.shape[:2]
    right, bottom = width - face.x - face.width, height - face.y - face.height
    return float(min(face.x, face.y, right, bottom) / min(height, width))


def _reasons(quality: Quality, settings: Settings) -> Iterator[Reason]:
    if quality.face_width < settings.min_face:
        yield Reason.FACE_TOO_SMALL
    if quality.border < 0:
        yield Reason.FACE_CROPPED
    elif quality.border < settings.border_margin:
        yield Reason.FACE_CLOSE_TO_BORDER
    if max(abs(quality.yaw), abs(quality.pitch), abs(quality.roll)) > settings.max_angle:
        yield Reason.FACE_ANGLE_TOO_LARGE
    if quality.sharpness < settings.min_sharpness:
        yield Reason.IMAGE_TOO_BLURRY
    if quality.brightness < settings.min_brightness:
        yield Reason.IMAGE_TOO_DARK
    if quality.brightness > settings.max_brightness:
        yield Reason.IMAGE_TOO_BRIGHT
