"""Decode an image within limits: bytes -> upright RGB pixels.

The format is told by content, never by name. The declared size is checked before a pixel is
loaded. The first frame counts; an ICC profile is ignored; 16-bit grey keeps its upper 8 bits; what
is transparent is composited over mid-grey, as the face crop does where there is no image.
An image whose longer side is above 3200 is decoded shrunk by 2, 4 or 8 to a longer side of 1600 or
more (a JPEG in the DCT domain, which is fast): no face detector or crop needs more pixels.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pi_heif
from PIL import Image

from service.errors import ImageError, ImageTooLarge, Overloaded
from service.media.formats import format_of
from service.media.picture import jpeg, png
from service.media.picture.damage import check_whole
from service.media.picture.flatten import ENOUGH, flattened
from service.media.picture.turns import turn
from service.settings import Format

# Bytes for each pixel as stored: what a decoder usually holds. Where it holds more, fewer pixels
# are accepted, so that turns.PER_PIXEL bounds them all.
USUAL = 5
HELD = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2}  # by Pillow's mode; 4 in the others
# Decoders that hold the picture in a form of their own besides.
BESIDES: dict[Format, float] = {"WEBP": 12, "AVIF": 5, "HEIF": 2}
PER_RESULT = 10  # bytes for each pixel of the result: Pillow's and NumPy's
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
pi_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)


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

    Raises ImageTooLarge above `max_pixels` declared pixels, ImageError for anything that is not a
    sound image, damaged and truncated ones included, and Overloaded when large ones queue.
    """
    kind = format_of(data)
    if kind is None:
        raise ImageError
    with _refused(), turn() as wait:
        return _decoded(data, kind, max_pixels, wait)


@contextmanager
def _refused() -> Iterator[None]:
    try:
        yield
    except (ImageError, Overloaded):
        raise
    except Image.DecompressionBombError:
        raise ImageTooLarge from None
    except Exception:  # Pillow's plug-ins raise nearly anything on bad input
        raise ImageError from None


Wait = Callable[[float], None]  # for a turn, told the bytes that decoding takes
Decoded = tuple[Image.Image, int, int]  # upright RGB; width and height as stored


def _decoded(data: bytes, kind: Format, max_pixels: int, wait: Wait) -> DecodedImage:
    upright, width, height = DECODERS.get(kind, _other)(data, kind, max_pixels, wait)
    return DecodedImage(np.array(upright), kind, width, height)


def _jpeg(data: bytes, kind: Format, max_pixels: int, wait: Wait) -> Decoded:
    parsed = jpeg.parse(data)
    width, height = parsed.width, parsed.height
    _check_size(width, height, parsed.held, max_pixels)
    with Image.open(io.BytesIO(jpeg.alone(data, parsed)), formats=(kind,)) as image:
        if image.size != (width, height):
            raise ImageError
        image.draft(image.mode, _at_most(width, height))
        wait(_needed(width * height, parsed.held, image.size))
        check_whole(parsed)
        return _upright(image), width, height


def _png(data: bytes, kind: Format, max_pixels: int, wait: Wait) -> Decoded:
    plain = png.plain(data)
    with _opened(plain, kind, max_pixels, wait) as image:
        image.load()
        if _ends_in_zeros(image) and not png.has_all_rows(plain):
            raise ImageError
        return _upright(image), *image.size


def _other(data: bytes, kind: Format, max_pixels: int, wait: Wait) -> Decoded:
    with _opened(data, kind, max_pixels, wait) as image:
        width, height = image.size  # a TIFF is turned as it is loaded
        return _upright(image), width, height


DECODERS = {"JPEG": _jpeg, "PNG": _png}


@contextmanager
def _opened(data: bytes, kind: Format, max_pixels: int, wait: Wait) -> Iterator[Image.Image]:
    """An image whose pixels are not loaded yet, and may be."""
    with Image.open(io.BytesIO(data), formats=(kind,)) as image:
        width, height = image.size
        held = HELD.get(image.mode, 4) + BESIDES.get(kind, 0.0)
        _check_size(width, height, held, max_pixels)
        wait(_needed(width * height, held, image.size))
        yield image


def _ends_in_zeros(image: Image.Image) -> bool:
    """What is missing of a PNG is zeros; of an interlaced one, every other row."""
    width, height = image.size
    return not np.asarray(image.crop((0, max(0, height - 2), width, height))).any()


def _check_size(width: int, height: int, held: float, max_pixels: int) -> None:
    """A pixel that takes much memory counts for more than one."""
    if width * height * max(1.0, held / USUAL) > max_pixels:
        raise ImageTooLarge


def _needed(pixels: int, held: float, size: tuple[int, int]) -> float:
    """Bytes that decoding takes, `size` being what the decoder gives."""
    result = max(1, max(size) // ENOUGH)
    return pixels * held + PER_RESULT * size[0] * size[1] / min(result, 8) ** 2


def _at_most(width: int, height: int) -> tuple[int, int]:
    """The least size that `Image.draft` may shrink to."""
    longer = max(width, height)
    return max(1, width * ENOUGH // longer), max(1, height * ENOUGH // longer)


def _upright(image: Image.Image) -> Image.Image:
    image.load()
    turned = TURNS.get(_orientation(image))
    flat = flattened(image)
    return flat if turned is None else flat.transpose(turned)


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except Exception:  # damaged EXIF is common in genuine photographs
        return 1
