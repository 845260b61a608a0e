"""Bytes of a JPEG or PNG -> upright RGB pixels, guarded.

The format is told by content, never by name. The declared size is checked before a pixel is
loaded. The first frame counts; an ICC profile is ignored; 16-bit grey keeps its upper 8 bits; what
is transparent is composited over mid-grey, as the face crop does where there is no image.
An image whose longer side is above 3200 is decoded shrunk by 2, 4 or 8 to a longer side of 1600 or
more (a JPEG in the DCT domain, which is fast): no face detector or crop needs more pixels.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image

from service.errors import ImageError, ImageTooLarge

Format = Literal["JPEG", "PNG"]
MAGIC: dict[Format, bytes] = {"JPEG": b"\xff\xd8\xff", "PNG": b"\x89PNG\r\n\x1a\n"}
ENOUGH = 1600  # pixels of the longer side that shrinking leaves
MAX_SCANS = 100  # a progressive JPEG has about ten; each one costs a pass over all pixels
BACKGROUND = (127, 127, 127)
ORIENTATION = 0x0112  # EXIF tag
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

warnings.filterwarnings("ignore", module=r"PIL\.")  # damaged EXIF is no news for the log


@dataclass(frozen=True, eq=False)
class DecodedImage:
    """`pixels` is HxWx3 uint8 RGB, upright; `width` and `height` are pixels as stored in the file,
    before orientation and shrinking."""

    pixels: np.ndarray
    format: Format
    width: int
    height: int

    @property
    def scale(self) -> float:
        """Stored pixels per decoded pixel: 1 unless the image was shrunk."""
        height, width = self.pixels.shape[:2]
        return float(max(self.width, self.height) / max(height, width))


def decode(data: bytes, *, max_pixels: int) -> DecodedImage:
    """The image in `data`.

    Raises ImageTooLarge above `max_pixels` declared pixels, and ImageError for anything that is
    not a sound JPEG or PNG, truncated ones included.
    """
    kind = _format(data)
    try:
        return _decode(data, kind, max_pixels)
    except ImageError:
        raise
    except Image.DecompressionBombError:
        raise ImageTooLarge from None
    except Exception:  # Pillow's plug-ins raise nearly anything on bad input
        raise ImageError from None


def _format(data: bytes) -> Format:
    for kind, magic in MAGIC.items():
        if data.startswith(magic):
            return kind
    raise ImageError


def _decode(data: bytes, kind: Format, max_pixels: int) -> DecodedImage:
    with Image.open(io.BytesIO(data), formats=(kind,)) as image:
        width, height = image.size
        if width * height > max_pixels:
            raise ImageTooLarge
        if kind == "JPEG":
            _check_scans(data)
            image.draft(image.mode, _at_most(width, height))
        image.load()
        upright = _turned(_shrunk(_rgb(image)), _orientation(image))
        return DecodedImage(np.array(upright), kind, width, height)


def _check_scans(data: bytes) -> None:
    """Refuse a bomb of scans; the marker cannot occur inside compressed data."""
    if data.count(b"\xff\xda") > MAX_SCANS:
        raise ImageError


def _at_most(width: int, height: int) -> tuple[int, int]:
    """The least size that `Image.draft` may shrink to."""
    longer = max(width, height)
    return max(1, width * ENOUGH // longer), max(1, height * ENOUGH // longer)


def _shrunk(image: Image.Image) -> Image.Image:
    factor = max(image.size) // ENOUGH
    steps = [step for step in (8, 4, 2) if step <= factor and step <= min(image.size)]
    return image.reduce(steps[0]) if steps else image


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith("I"):
        return _from_16_bit(image)
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        paper = Image.new("RGBA", rgba.size, (*BACKGROUND, 255))
        return Image.alpha_composite(paper, rgba).convert("RGB")
    return image.convert("RGB")


def _from_16_bit(image: Image.Image) -> Image.Image:
    """Pillow's own conversion cuts off at 255."""
    grey = np.asarray(image).astype(np.uint32) >> 8
    return Image.fromarray(grey.clip(0, 255).astype(np.uint8)).convert("RGB")


def _orientation(image: Image.Image) -> object:
    try:
        return image.getexif().get(ORIENTATION)
    except Exception:  # damaged EXIF is common in genuine photographs
        return None


def _turned(image: Image.Image, orientation: object) -> Image.Image:
    turn = TURNS.get(orientation) if isinstance(orientation, int) else None
    return image if turn is None else image.transpose(turn)
