"""What only the decoded pixels tell: the thumbnail, an earlier saving, enlargement."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from PIL import Image

from service.media.image import DecodedImage
from service.provenance.containers import Parts
from service.provenance.earlier_saving import saved_before
from service.provenance.enlargement import enlarged
from service.provenance.facts import Encoder

SIDE = 512  # pixels of the square in the middle that is looked at
SMALL = 16  # pixels of what thumbnails are compared at
LIKE = 0.6  # correlation from which on two pictures show the same
MAX_THUMBNAIL = 640 * 480  # pixels
# How to turn an upright picture back to how it is stored, by the orientation: flip, then turns.
BACK = {1: (0, 0), 2: (1, 0), 3: (0, 2), 4: (1, 2), 5: (1, 1), 6: (0, 1), 7: (1, 3), 8: (0, 3)}


@dataclass(frozen=True)
class PixelFacts:
    """See `Facts`."""

    thumbnail: Literal["none", "same", "other"] = "none"
    saved_before: int | None = None
    enlarged: float | None = None


def measured(parts: Parts, written: Encoder | None, image: DecodedImage | None) -> PixelFacts:
    """What is found in the pixels; nothing where they are not there or were decoded shrunk."""
    if image is None:
        return PixelFacts()
    thumbnail = _thumbnail(parts, image.pixels)
    if image.scale != 1 or min(image.pixels.shape[:2]) < SIDE // 4:
        return PixelFacts(thumbnail)
    luma = _middle(image.pixels, parts.exif.turn)
    before = saved_before(luma, parts.tables[0]) if written is not None else None
    return PixelFacts(thumbnail, before, enlarged(luma))


def _middle(pixels: np.ndarray, turn: int) -> np.ndarray:
    """Luma (float32) of the middle as stored, its corner on the grid of 8 pixels."""
    flip, turns = BACK[turn]
    stored = np.rot90(pixels[:, ::-1] if flip else pixels, turns)
    height, width = stored.shape[:2]
    top, left = (max(0, (size - SIDE) // 2) // 8 * 8 for size in (height, width))
    square = np.ascontiguousarray(stored[top : top + SIDE, left : left + SIDE])
    return cv2.cvtColor(square.astype(np.float32), cv2.COLOR_RGB2GRAY)


def _thumbnail(parts: Parts, pixels: np.ndarray) -> Literal["none", "same", "other"]:
    small = _decoded(parts.exif.thumbnail)
    if small is None:
        return "none"
    every = max(1, min(pixels.shape[:2]) // 128)
    large = _tiny(pixels[::every, ::every])
    flip, _ = BACK[parts.exif.turn]
    stored = large[:, ::-1] if flip else large
    # Who turns a picture later seldom turns its thumbnail, so every turn of it is the same.
    turned = [np.rot90(stored, turns) for turns in range(4)]
    best = max(_correlation(one, like) for one in turned for like in _views(small))
    return "same" if best >= LIKE else "other"


def _decoded(data: bytes | None) -> np.ndarray | None:
    if not data or not data.startswith(b"\xff\xd8"):
        return None
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
            if image.width * image.height > MAX_THUMBNAIL or min(image.size) < SMALL:
                return None
            return np.asarray(image.convert("L"))
    except Exception:  # plug-ins raise nearly anything on bad input
        return None


def _views(small: np.ndarray) -> list[np.ndarray]:
    """The picture as it is, and without black bars above and below or at the sides."""
    rows, columns = (np.flatnonzero(small.max(axis) > 24) for axis in (1, 0))
    if len(rows) < SMALL or len(columns) < SMALL:
        return [_tiny(small)]
    bare = small[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return [_tiny(small), _tiny(bare)]


def _tiny(pixels: np.ndarray) -> np.ndarray:
    small = cv2.resize(np.ascontiguousarray(pixels), (SMALL, SMALL), interpolation=cv2.INTER_AREA)
    return (small.mean(axis=2) if small.ndim == 3 else small).astype(np.float64)


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    """-1..1; two pictures without any structure are alike."""
    first, second = one - one.mean(), other - other.mean()
    size = float(np.sqrt((first**2).sum() * (second**2).sum()))
    return float((first * second).sum()) / size if size > SMALL * SMALL else 1.0
