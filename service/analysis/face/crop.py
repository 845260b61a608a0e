"""The one face crop: the same pixels in training and in serving."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:  # finding a face takes crops, too
    from service.analysis.face.blazeface import Face

FILL = 127  # mid-grey: the detector's normalisation turns it into zero


def crop_box(face: Face, margin: float) -> tuple[int, int, int]:
    """(left, top, side) in whole pixels: `margin` times the box, around its centre."""
    side = max(2, round(max(face.width, face.height) * margin))
    left = round(face.x + face.width / 2 - side / 2)
    top = round(face.y + face.height / 2 - side / 2)
    return left, top, side


def face_crop(image: np.ndarray, face: Face, margin: float, size: int) -> np.ndarray:
    """The face as size x size x 3 uint8 RGB.

    A square around the centre of the face's box, as wide as the box's longer side times `margin`.
    What lies outside the image is mid-grey (127). Shrunk by area averaging, enlarged bilinearly.
    """
    left, top, side = crop_box(face, margin)
    square = cut(image, left, top, side)
    method = cv2.INTER_AREA if side > size else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(square, (size, size), interpolation=method))


class Portrait:
    """A face, and the upright HxWx3 uint8 RGB image it is in.

    Detectors that look at the same crop share it: whoever hands it on to write on, copies it.
    `pools` holds what a detector made of it on the way, by the detector's name.
    """

    def __init__(self, image: np.ndarray, face: Face) -> None:
        self._image, self._face = image, face
        self._crops: dict[tuple[float, int], np.ndarray] = {}
        self.pools: dict[str, np.ndarray] = {}

    def crop(self, margin: float, size: int) -> np.ndarray:
        """As `face_crop` makes it; made once."""
        if (margin, size) not in self._crops:
            self._crops[margin, size] = face_crop(self._image, self._face, margin, size)
        return self._crops[margin, size]

    def box(self, margin: float) -> tuple[int, int, int]:
        """As `crop_box`."""
        return crop_box(self._face, margin)


def cut(image: np.ndarray, left: int, top: int, side: int) -> np.ndarray:
    """side x side x 3 pixels of the image from (left, top), mid-grey where there is no image.

    Those of the image itself, not a copy, where all of them are in it.
    """
    height, width = image.shape[:2]
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + side, width), min(top + side, height)
    if x1 - x0 == y1 - y0 == side:
        return image[y0:y1, x0:x1]
    square = np.full((side, side, 3), FILL, np.uint8)
    if x1 > x0 and y1 > y0:
        square[y0 - top : y1 - top, x0 - left : x1 - left] = image[y0:y1, x0:x1]
    return square


def normalise(crop: np.ndarray, mean: Sequence[float], std: Sequence[float]) -> np.ndarray:
    """1x3xSxS float32 from an SxSx3 uint8 RGB crop: scaled to 0..1, minus mean, over std."""
    scale = 1 / (255 * np.asarray(std, np.float32))
    shift = np.asarray(mean, np.float32) / np.asarray(std, np.float32)
    planes = np.ascontiguousarray(crop.transpose(2, 0, 1)).astype(np.float32)
    # Plane by plane, which is ten times as fast as pixel by pixel.
    return np.asarray((planes * scale[:, None, None] - shift[:, None, None])[None])
