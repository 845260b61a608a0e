"""Nasty images by file name: `nasty("truncated.jpg")` gives the bytes.

`GOOD` must be decoded, `BAD` must be refused. All of them show the bundled genuine portrait where
their size allows it, so that a good one can also be sent through the whole service.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

DEMO = Path(__file__).parents[1] / "scripts" / "demo"
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
EXIF_ORIENTATION = 0x0112
UNDO = {  # what a camera must have done so that the orientation's turn makes it upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def genuine() -> bytes:
    return (DEMO / "genuine.jpg").read_bytes()


def manipulated() -> bytes:
    return (DEMO / "manipulated.jpg").read_bytes()


@cache
def portrait() -> Image.Image:
    """The genuine portrait as an RGB image."""
    return Image.open(io.BytesIO(genuine())).convert("RGB")


def encode(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def sideways(turn: int, *, exif: int | None = None) -> bytes:
    """The portrait turned clockwise by `turn` degrees, as a JPEG without or with an orientation."""
    turned = portrait().rotate(-turn, expand=True)
    return encode(turned, "JPEG", quality=90, exif=_exif(exif) if exif else b"")


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def header(width: int, height: int, depth: int = 8, colour: int = 2) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))


def png(
    width: int, height: int, rows: bytes, *extra: bytes, depth: int = 8, colour: int = 2
) -> bytes:
    """A hand-made PNG; `rows` are the raw scanlines, filter bytes included."""
    parts = (header(width, height, depth, colour), *extra, chunk(b"IDAT", zlib.compress(rows, 9)))
    return PNG_MAGIC + b"".join(parts) + chunk(b"IEND", b"")


def inserted(extra: bytes) -> bytes:
    """The portrait as a PNG with `extra` chunks behind its header."""
    data = encode(portrait())
    return data[:33] + extra + data[33:]


def with_segment(marker: int, body: bytes) -> bytes:
    """The portrait as a JPEG with one more segment behind its start."""
    segment = bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body
    return genuine()[:2] + segment + genuine()[2:]


def _exif(orientation: Any) -> bytes:
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = orientation
    return exif.tobytes()


def _oriented(orientation: int) -> bytes:
    stored = portrait().transpose(UNDO[orientation])
    return encode(stored, "JPEG", quality=95, exif=_exif(orientation))


def _alpha() -> Image.Image:
    """The portrait, its left half transparent."""
    image = portrait().convert("RGBA")
    image.paste((255, 0, 0, 0), (0, 0, image.width // 2, image.height))
    return image


def _sixteen(colour: int, channels: int, interlaced: bool = False) -> bytes:
    """The portrait with 16 bits a sample; the lower 8 bits are noise."""
    pixels = np.asarray(portrait().convert("L" if channels == 1 else "RGB")).astype(np.uint16)
    samples = (pixels << 8 | 0x5A).astype(">u2").reshape(pixels.shape[0], -1)
    rows = b"".join(b"\0" + row.tobytes() for row in samples)
    return png(portrait().width, portrait().height, rows, depth=16, colour=colour)


def _interlaced() -> bytes:
    """Adam7 by hand: Pillow reads but does not write it."""
    pixels = np.asarray(portrait())
    passes = (
        (0, 0, 8, 8),
        (0, 4, 8, 8),
        (4, 0, 8, 4),
        (0, 2, 4, 4),
        (2, 0, 4, 2),
        (0, 1, 2, 2),
        (1, 0, 2, 1),
    )
    rows = b"".join(
        b"\0" + row.tobytes()
        for top, left, down, over in passes
        for row in pixels[top::down, left::over]
    )
    data = png(*portrait().size, rows)
    body = bytearray(data[16:29])
    body[12] = 1
    return data[:8] + chunk(b"IHDR", bytes(body)) + data[33:]


def _animated(kind: str, **options: Any) -> bytes:
    second = Image.new("RGB", portrait().size, "blue")
    return encode(portrait(), kind, save_all=True, append_images=[second], **options)


def _text_bomb(name: bytes, head: bytes) -> bytes:
    """64 MB of zeros in a compressed chunk of some 65 KB."""
    return inserted(chunk(name, head + zlib.compress(bytes(64 * 2**20), 9)))


def _ycck() -> bytes:
    """Adobe's transform 2: the CMY of an inverted CMYK stored as YCC."""
    rgb = np.asarray(portrait()).astype(np.uint8)
    ycc = np.asarray(Image.fromarray(255 - rgb).convert("YCbCr"))
    black = np.zeros((*rgb.shape[:2], 1), np.uint8)
    image = Image.frombytes(
        "CMYK", portrait().size, np.concatenate([255 - ycc, black], 2).tobytes()
    )
    data = encode(image, "JPEG", quality=95)
    at = data.index(b"Adobe")
    return data[: at + 11] + b"\x02" + data[at + 12 :]


def _progressive_bomb() -> bytes:
    """One scan repeated ten thousand times."""
    data = encode(portrait(), "JPEG", progressive=True)
    starts = [i for i in range(len(data) - 1) if data[i : i + 2] == b"\xff\xda"]
    scan = data[starts[-1] : -2]
    return data[:-2] + scan * (200_000 // len(scan) + 200) + data[-2:]


def _huge_jpeg() -> bytes:
    return encode(portrait().resize((3840, 3840)), "JPEG", quality=60)


def _declared(width: int, height: int) -> bytes:
    """A JPEG whose frame header lies about its size."""
    data = bytearray(genuine())
    at = data.index(b"\xff\xc0") if b"\xff\xc0" in data else data.index(b"\xff\xc2")
    data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def _text_orientation() -> bytes:
    """An EXIF block whose orientation is the text `abc`."""
    entry = struct.pack("<HHI4s", EXIF_ORIENTATION, 2, 4, b"abc")
    return b"Exif\0\0II*\0\x08\0\0\0\x01\0" + entry + bytes(4)


GOOD: dict[str, Callable[[], bytes]] = {
    "baseline.jpg": genuine,
    "progressive.jpg": lambda: encode(portrait(), "JPEG", progressive=True),
    "optimised-420.jpg": lambda: encode(portrait(), "JPEG", optimize=True, subsampling=2),
    "subsampling-444.jpg": lambda: encode(portrait(), "JPEG", subsampling=0),
    "restart-markers.jpg": lambda: encode(portrait(), "JPEG", restart_marker_rows=1),
    "grey.jpg": lambda: encode(portrait().convert("L"), "JPEG"),
    "cmyk.jpg": lambda: encode(portrait().convert("CMYK"), "JPEG", quality=95),
    "ycck.jpg": _ycck,
    "mpo.jpg": lambda: _animated("MPO"),
    "huge.jpg": _huge_jpeg,
    **{f"orientation-{n}.jpg": lambda n=n: _oriented(n) for n in UNDO},
    "orientation-99.jpg": lambda: encode(portrait(), "JPEG", exif=_exif(99)),
    "orientation-text.jpg": lambda: encode(portrait(), "JPEG", exif=_text_orientation()),
    "outside-exif.jpg": lambda: encode(portrait(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\x7f"),
    "random-exif.jpg": lambda: with_segment(0xE1, b"Exif\0\0" + bytes(range(256)) * 20),
    "corrupt-icc.jpg": lambda: with_segment(0xE2, b"ICC_PROFILE\0\x01\x01" + b"\xff" * 300),
    "corrupt-icc-parts.jpg": lambda: with_segment(0xE2, b"ICC_PROFILE\0\x07\x09" + b"\xff" * 300),
    "trailing-garbage.jpg": lambda: genuine() + b"\0garbage" * 5000,
    "polyglot-zip.jpg": lambda: genuine() + b"PK\x03\x04" + bytes(200),
    "polyglot-html.jpg": lambda: with_segment(0xFE, b"<script>alert(1)</script>" * 40),
    "rgb.png": lambda: encode(portrait()),
    "interlaced.png": _interlaced,
    "palette.png": lambda: encode(portrait().quantize(255)),
    "palette-4-bit.png": lambda: encode(portrait().quantize(16), bits=4),
    "palette-transparency.png": lambda: encode(_alpha().quantize(255)),
    "palette-one-transparent.png": lambda: encode(portrait().quantize(255), transparency=3),
    "rgb-transparency.png": lambda: encode(portrait(), transparency=(1, 2, 3)),
    "grey-transparency.png": lambda: encode(portrait().convert("L"), transparency=3),
    "rgba.png": lambda: encode(_alpha()),
    "la.png": lambda: encode(_alpha().convert("LA")),
    "grey.png": lambda: encode(portrait().convert("L")),
    "one-bit.png": lambda: encode(portrait().convert("1")),
    "grey-16-bit.png": lambda: _sixteen(0, 1),
    "rgb-16-bit.png": lambda: _sixteen(2, 3),
    "animated.png": lambda: _animated("PNG"),
    "animated-hidden-default.png": lambda: _animated("PNG", default_image=True),
    "orientation-6.png": lambda: encode(portrait().transpose(UNDO[6]), exif=_exif(6)),
    "corrupt-icc.png": lambda: inserted(chunk(b"iCCP", b"x\0\0not zlib")),
    "text.png": lambda: inserted(chunk(b"tEXt", b"Comment\0" + b"x" * 1000)),
    "trailing-garbage.png": lambda: encode(portrait()) + b"\0garbage" * 5000,
    "too-few-rows.png": lambda: png(480, 480, bytes(1441) * 100),  # Pillow: the rest is black
    "one-pixel.png": lambda: encode(Image.new("RGB", (1, 1))),
    "one-pixel.jpg": lambda: encode(Image.new("RGB", (1, 1)), "JPEG"),
    "tall.png": lambda: encode(Image.new("RGB", (1, 60000))),
    "wide.png": lambda: encode(Image.new("RGB", (60000, 1))),
    "tall.jpg": lambda: encode(Image.new("RGB", (1, 60000)), "JPEG"),
}

BAD: dict[str, Callable[[], bytes]] = {
    "empty.jpg": lambda: b"",
    "text.jpg": lambda: b"this is not an image",
    "magic-only.jpg": lambda: b"\xff\xd8\xff",
    "magic-only.png": lambda: PNG_MAGIC,
    "truncated.jpg": lambda: genuine()[: len(genuine()) * 2 // 3],
    "truncated-header.jpg": lambda: genuine()[:100],
    "truncated-end.jpg": lambda: genuine()[:-200],
    "truncated.png": lambda: encode(portrait())[:-20000],
    "truncated-huge.jpg": lambda: _huge_jpeg()[:-20000],
    "no-data.png": lambda: PNG_MAGIC + header(480, 480) + chunk(b"IEND", b""),
    "no-size.png": lambda: PNG_MAGIC + header(0, 0) + chunk(b"IEND", b""),
    "bad-checksum.png": lambda: encode(portrait()).replace(b"IDAT", b"IDAU", 1),
    "leading-garbage.jpg": lambda: b"\0\0" + genuine(),
    "zip.jpg": lambda: b"PK\x03\x04" + genuine(),
    "icc-bomb.png": lambda: _text_bomb(b"iCCP", b"bomb\0\0"),
    "text-bomb.png": lambda: _text_bomb(b"zTXt", b"bomb\0\0"),
    "international-text-bomb.png": lambda: _text_bomb(b"iTXt", b"bomb\0\x01\0\0\0"),
    "scan-bomb.jpg": _progressive_bomb,
    "webp.jpg": lambda: encode(portrait(), "WEBP"),
    "gif.jpg": lambda: encode(portrait(), "GIF"),
    "bmp.png": lambda: encode(portrait(), "BMP"),
    "tiff.jpg": lambda: encode(portrait(), "TIFF"),
    "svg.png": lambda: b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
    "heic.jpg": lambda: b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(500),
    "pdf.jpg": lambda: b"%PDF-1.7\n" + genuine(),
    "html.jpg": lambda: b"<html><body>not found</body></html>",
}

TOO_LARGE: dict[str, Callable[[], bytes]] = {
    "pixel-bomb.png": lambda: png(30000, 30000, bytes(1000)),
    "pixel-bomb.jpg": lambda: _declared(65000, 65000),
    "long-bomb.png": lambda: png(2**31 - 1, 1, b"\0"),
}


@cache
def nasty(name: str) -> bytes:
    """The bytes of the image of this name."""
    return {**GOOD, **BAD, **TOO_LARGE}[name]()
