"""The image formats that are read, told by content: one list for HTTP, files, S3 and queues."""

from __future__ import annotations

import struct
from pathlib import Path, PurePosixPath

from service.errors import ImageError
from service.settings import Format

MAGIC: dict[bytes, Format] = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"BM": "BMP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
}
BRANDS: dict[bytes, Format] = {  # of ISO media files; an image of AV1 may call itself mif1, too
    **dict.fromkeys((b"avif", b"avis"), "AVIF"),
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"), "HEIF"),
    **dict.fromkeys((b"mif1", b"msf1"), "HEIF"),
}
SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".heic", ".heif", ".avif")
)
MOST_BRANDS = 64
APPLE_DOUBLE = "._"  # what macOS writes beside each file on other file systems


def format_of(data: bytes) -> Format | None:
    """The format that the first bytes tell; None for what is no image that is read here."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp":
        brands = _brands(data)
        return next((known for brand, known in BRANDS.items() if brand in brands), None)
    return next((known for magic, known in MAGIC.items() if data.startswith(magic)), None)


def media_type(data: bytes) -> str:
    """Such as `image/jpeg`. Raises ImageError when the bytes are no image."""
    found = format_of(data)
    if found is None:
        raise ImageError
    return f"image/{found.lower()}"


def is_image_name(name: str) -> bool:
    """Whether a file's name promises an image."""
    path = PurePosixPath(name)
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(APPLE_DOUBLE)


def is_image_file(path: Path) -> bool:
    """Whether a file is called like an image; a folder may be, too, and is none."""
    return is_image_name(path.name) and not path.is_dir()


def _brands(data: bytes) -> set[bytes]:
    """The major brand and the compatible ones; between them stand four bytes of version."""
    size = min(struct.unpack_from(">I", data)[0], 16 + 4 * MOST_BRANDS, len(data))
    return {data[8:12], *(data[at : at + 4] for at in range(16, size - 3, 4))}
