"""What kind of medium some bytes are, by content first; other images as what the analyzer reads."""

from __future__ import annotations

import io
import warnings
from pathlib import Path, PurePosixPath
from typing import Literal

from PIL import Image, ImageOps

from service.errors import ImageError, ImageTooLarge, UnsupportedMedia

Kind = Literal["image", "video", "audio"]
APPLE_DOUBLE = "._"  # `._IMG_1.jpg` holds attributes of IMG_1.jpg
SUFFIXES: dict[Kind, frozenset[str]] = {
    "image": frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"}),
    "video": frozenset({".mp4", ".avi", ".mov", ".mkv", ".wmv"}),
    "audio": frozenset({".wav", ".mp3", ".flac", ".m4a", ".ogg"}),
}
READ = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")  # what the analyzer decodes itself
OTHERS = {b"BM": "BMP", b"II*\0": "TIFF", b"MM\0*": "TIFF", b"RIFF": "WEBP"}
MIME = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}
MIMES = {"BMP": "image/bmp", "TIFF": "image/tiff", "WEBP": "image/webp"}


def is_image_name(name: str) -> bool:
    path = PurePosixPath(name)
    return path.suffix.lower() in SUFFIXES["image"] and not path.name.startswith(APPLE_DOUBLE)


def is_a_picture_of_its_own(path: Path) -> bool:
    """No folder, whatever it is called, and none of the files that macOS writes beside pictures."""
    return not path.name.startswith(APPLE_DOUBLE) and not path.is_dir()


def kind_of(data: bytes, name: str = "") -> Kind:
    """By the first bytes; by the name where they say nothing, and `image` where neither does."""
    if data.startswith(READ) or _other(data):
        return "image"
    return _container(data) or kind_by_name(name) or "image"


def kind_by_name(name: str) -> Kind | None:
    suffix = PurePosixPath(name).suffix.lower()
    return next((kind for kind, known in SUFFIXES.items() if suffix in known), None)


def sniffed_type(data: bytes) -> str:
    """The media type that the bytes themselves tell. Raises ImageError when they are no image."""
    for magic, mime in MIME.items():
        if data.startswith(magic):
            return mime
    other = _other(data)
    if other is None:
        raise ImageError
    return MIMES[other]


def readable(data: bytes, name: str, max_pixels: int) -> bytes:
    """`data` as JPEG or PNG; BMP, TIFF and WebP become PNG, pixel by pixel.

    Raises UnsupportedMedia for video and audio, ImageError for a damaged image.
    """
    if kind_of(data, name) != "image":
        raise UnsupportedMedia
    other = _other(data)
    return data if other is None else _as_png(data, other, max_pixels)


def _as_png(data: bytes, form: str, max_pixels: int) -> bytes:
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(data), formats=(form,)) as image:
            warnings.simplefilter("ignore")
            if image.width * image.height > max_pixels:
                raise ImageTooLarge
            out = io.BytesIO()
            upright = ImageOps.exif_transpose(image)
            upright.convert("RGBA" if upright.has_transparency_data else "RGB").save(
                out, "PNG", compress_level=1
            )
    except ImageError:
        raise
    except Image.DecompressionBombError:
        raise ImageTooLarge from None
    except Exception:  # Pillow's plug-ins raise nearly anything on bad input
        raise ImageError from None
    return out.getvalue()


def _other(data: bytes) -> str | None:
    form = next((form for magic, form in OTHERS.items() if data.startswith(magic)), None)
    if form == "WEBP" and data[8:12] != b"WEBP":
        return None
    return form


def _container(data: bytes) -> Kind | None:
    if data[:4] == b"RIFF":
        return {b"AVI ": "video", b"WAVE": "audio"}.get(data[8:12])  # type: ignore[return-value]
    if data[4:8] == b"ftyp":
        return "audio" if data[8:11] == b"M4A" else "video"
    if data.startswith((b"ID3", b"fLaC", b"OggS")):
        return "audio"
    return "video" if data.startswith((b"\x1aE\xdf\xa3", b"0&\xb2u")) else None
