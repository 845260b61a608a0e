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

HEIF = Path(__file__).parent / "heif"  # made of the portrait; nothing here can write HEIF
JPEG = Path(__file__).parent / "jpeg"  # nor arithmetic coding
DEMO = Path(__file__).parents[1] / "scripts" / "demo"
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
EXIF_ORIENTATION = 0x0112
PASSES = (  # Adam7: first row and column, distance of rows and columns
    *((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4)),
    *((2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)),
)
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


def heif(name: str) -> bytes:
    """`portrait`, `turned` (EXIF orientation 6), `ten-bit` or `alpha` (the left half)."""
    return (HEIF / f"{name}.heic").read_bytes()


def arithmetic(kind: str = "") -> bytes:
    """The genuine portrait in arithmetic coding; `-progressive` for several scans."""
    return (JPEG / f"arithmetic{kind}.jpg").read_bytes()


def sideways(turn: int, *, exif: int | None = None) -> bytes:
    """The portrait turned clockwise by `turn` degrees, as a JPEG without or with an orientation."""
    turned = portrait().rotate(-turn, expand=True)
    return encode(turned, "JPEG", quality=90, exif=_exif(exif) if exif else b"")


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def header(
    width: int, height: int, depth: int = 8, colour: int = 2, interlaced: bool = False
) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced))


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


def _interlaced(keep: float = 1.0) -> bytes:
    """Adam7 by hand: Pillow reads but does not write it."""
    pixels = np.asarray(portrait())
    rows = b"".join(
        b"\0" + row.tobytes()
        for top, left, down, over in PASSES
        for row in pixels[top::down, left::over]
    )
    data = png(*portrait().size, rows[: int(len(rows) * keep)])
    body = bytearray(data[16:29])
    body[12] = 1
    return data[:8] + chunk(b"IHDR", bytes(body)) + data[33:]


def _animated(kind: str, **options: Any) -> bytes:
    second = Image.new("RGB", portrait().size, "blue")
    return encode(portrait(), kind, save_all=True, append_images=[second], **options)


def _text_bomb(name: bytes, head: bytes) -> bytes:
    """64 MB of zeros in a compressed chunk of some 65 KB."""
    return inserted(chunk(name, head + zlib.compress(bytes(64 * 2**20), 9)))


def _unpackable(name: bytes, head: bytes, size: int) -> bytes:
    """A chunk that hardly shrinks, `size` bytes when unpacked."""
    return chunk(name, head + zlib.compress(np.random.default_rng(1).bytes(size), 1))


def _large_icc_turned() -> bytes:
    data = encode(portrait().transpose(UNDO[6]), exif=_exif(6))
    return data[:33] + _unpackable(b"iCCP", b"icc\0\0", 2_000_000) + data[33:]


def _xmp_turned() -> bytes:
    data = encode(portrait().transpose(UNDO[6]))
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><r tiff:Orientation="6"/></x:xmpmeta>'
    return data[:33] + chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp) + data[33:]


def _short_palette() -> bytes:
    """Some pixels have no colour in the palette."""
    data = encode(portrait().quantize(255))
    at = data.index(b"PLTE")
    (length,) = struct.unpack_from(">I", data, at - 4)
    short = chunk(b"PLTE", data[at + 4 : at + 4 + length - 3])
    return data[: at - 4] + short + data[at + 8 + length :]


def _cut_and_closed() -> bytes:
    """Half of the pixels' stream, with good checksums and an end."""
    data = encode(portrait())
    at = data.index(b"IDAT")
    body = data[at + 4 : len(data) - 16]
    return data[: at - 4] + chunk(b"IDAT", body[: len(body) // 2]) + chunk(b"IEND", b"")


def _flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def _first_scans(count: int, data: bytes = b"") -> bytes:
    """A progressive JPEG that ends after some of its scans, and says so."""
    data = data or encode(portrait(), "JPEG", progressive=True)
    starts = [i for i in range(len(data) - 1) if data[i : i + 2] == b"\xff\xda"]
    return data[: starts[count]] + b"\xff\xd9"


def _plane_by_plane() -> bytes:
    """A sequential JPEG of three scans: the grey picture, and no colour in two flat planes."""
    frame = b"\x08" + struct.pack(">HH", 480, 480) + b"\x03\x01\x11\0\x02\x11\0\x03\x11\0"
    data = encode(portrait().convert("L"), "JPEG")
    at, scan = data.index(b"\xff\xc0"), data.index(b"\xff\xda")
    data = data[: at + 4] + frame + data[at + 13 :]
    data = data[: at + 2] + struct.pack(">H", len(frame) + 2) + data[at + 4 :]
    scan += len(frame) - 9
    # 00 is "no difference", 1010 the end of a block.
    flat = int("001010" * 3600, 2).to_bytes(2700)
    extra = b"".join(
        b"\xff\xda\0\x08\x01" + bytes([plane]) + b"\0\0\x3f\0" + flat for plane in (2, 3)
    )
    return data[:-2] + extra + data[-2:]


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


MODERN = ("webp.jpg", "avif.jpg", "heic.jpg", "bmp.png", "tiff.jpg")  # GOOD, by their content

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
    "orientation-6.png": lambda: encode(portrait().transpose(UNDO[6]), exif=_exif(6)),
    "corrupt-icc.png": lambda: inserted(chunk(b"iCCP", b"x\0\0not zlib")),
    "text.png": lambda: inserted(chunk(b"tEXt", b"Comment\0" + b"x" * 1000)),
    "trailing-garbage.png": lambda: encode(portrait()) + b"\0garbage" * 5000,
    "one-pixel.png": lambda: encode(Image.new("RGB", (1, 1))),
    "one-pixel.jpg": lambda: encode(Image.new("RGB", (1, 1)), "JPEG"),
    "icc-bomb.png": lambda: _text_bomb(b"iCCP", b"bomb\0\0"),
    "text-bomb.png": lambda: _text_bomb(b"zTXt", b"bomb\0\0"),
    "international-text-bomb.png": lambda: _text_bomb(b"iTXt", b"bomb\0\x01\0\0\0"),
    "orientation-bomb.png": lambda: _text_bomb(b"zTXt", b"Raw profile type exif\0\0"),
    "large-icc.png": lambda: inserted(_unpackable(b"iCCP", b"icc\0\0", 2_000_000)),
    "large-text.png": lambda: inserted(_unpackable(b"zTXt", b"text\0\0", 2_000_000)),
    "large-international-text.png": lambda: inserted(
        _unpackable(b"iTXt", b"text\0\x01\0\0\0", 2_000_000)
    ),
    "large-icc-orientation-6.png": _large_icc_turned,
    "xmp-orientation-6.png": _xmp_turned,
    "many-orientations.png": lambda: inserted(
        chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(bytes(200_000))) * 2000
    ),
    "damaged-text.png": lambda: inserted(chunk(b"tEXt", b"Comment\0x")[:-4] + bytes(4)),
    "many-chunks.png": lambda: inserted(chunk(b"tEXt", b"a\0b") * 20_000),
    "palette-short.png": _short_palette,
    "motion-photo.jpg": lambda: genuine() + bytes.fromhex("ffda0002") * 2_000_000,
    "no-end-marker.jpg": lambda: genuine()[:-2],
    "half-an-end-marker.jpg": lambda: genuine()[:-1],
    "no-end-marker-progressive.jpg": lambda: encode(portrait(), "JPEG", progressive=True)[:-2],
    "nul-before-end.jpg": lambda: genuine()[:-2] + bytes(20) + genuine()[-2:],
    "filled-before-end.jpg": lambda: genuine()[:-2] + b"\xff" * 999 + genuine()[-2:],
    "stray-bytes.jpg": lambda: genuine()[:20] + b"stray" * 100 + genuine()[20:],
    "short-comment-length.jpg": lambda: with_segment(0xFE, b"x" * 700).replace(
        b"\xff\xfe\x02\xbe", b"\xff\xfe\x00\x5e", 1
    ),
    "odd-version.jpg": lambda: genuine().replace(b"JFIF\0\x01", b"JFIF\0\x07", 1),
    "arithmetic.jpg": arithmetic,
    "arithmetic-progressive.jpg": lambda: arithmetic("-progressive"),
    "rgb-planes.jpg": lambda: encode(portrait(), "JPEG", keep_rgb=True),
    "plane-by-plane.jpg": _plane_by_plane,
    "large-exif.jpg": lambda: with_segment(0xE1, b"Exif\0\0" + bytes(60_000)),
    "webp.jpg": lambda: encode(portrait(), "WEBP", quality=90),
    "lossless.webp": lambda: encode(portrait(), "WEBP", lossless=True),
    "alpha.webp": lambda: encode(_alpha(), "WEBP", lossless=True),
    "animated.webp": lambda: _animated("WEBP", lossless=True),
    "orientation-6.webp": lambda: encode(
        portrait().transpose(UNDO[6]), "WEBP", lossless=True, exif=_exif(6)
    ),
    "avif.jpg": lambda: encode(portrait(), "AVIF", quality=90),
    "orientation-6.avif": lambda: encode(
        portrait().transpose(UNDO[6]), "AVIF", quality=90, exif=_exif(6)
    ),
    "alpha.avif": lambda: encode(_alpha(), "AVIF", quality=100),
    "heic.jpg": lambda: heif("portrait"),
    "orientation-6.heic": lambda: heif("turned"),
    "ten-bit.heic": lambda: heif("ten-bit"),
    "alpha.heic": lambda: heif("alpha"),
    "bmp.png": lambda: encode(portrait(), "BMP"),
    "palette.bmp": lambda: encode(portrait().quantize(255), "BMP"),
    "tiff.jpg": lambda: encode(portrait(), "TIFF"),
    "big-endian.tiff": lambda: encode(portrait(), "TIFF", big_endian=True),
    "packed.tiff": lambda: encode(portrait(), "TIFF", compression="tiff_lzw"),
    "alpha.tiff": lambda: encode(_alpha(), "TIFF"),
    "cmyk.tiff": lambda: encode(portrait().convert("CMYK"), "TIFF"),
    "two-pages.tiff": lambda: _animated("TIFF"),
    "orientation-6.tiff": lambda: encode(
        portrait().transpose(UNDO[6]), "TIFF", tiffinfo={EXIF_ORIENTATION: 6}
    ),
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
    "scan-bomb.jpg": _progressive_bomb,
    "gif.jpg": lambda: encode(portrait(), "GIF"),
    "svg.png": lambda: b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
    "filled.jpg": lambda: genuine()[:9000] + b"\xff" * 1_000_000,  # as an erased disk leaves it
    "animated-hidden-default.png": lambda: _animated("PNG", default_image=True),
    "too-few-rows.png": lambda: png(480, 480, bytes(1441) * 100),
    "too-few-rows-interlaced.png": lambda: _interlaced(keep=0.7),
    "cut-and-closed.png": _cut_and_closed,
    "flipped.png": lambda: _flipped(encode(portrait())),
    "cut.webp": lambda: encode(portrait(), "WEBP")[:-2000],
    "cut.avif": lambda: encode(portrait(), "AVIF")[:-2000],
    "cut.heic": lambda: heif("portrait")[:-2000],
    "cut.tiff": lambda: encode(portrait(), "TIFF")[:-2000],
    "cut.bmp": lambda: encode(portrait(), "BMP")[:-2000],
    "head.heic": lambda: b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(500),
    "video.jpg": lambda: b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(500),
    "arithmetic-cut.jpg": lambda: arithmetic()[:-2000],
    "arithmetic-first-scans-only.jpg": lambda: _first_scans(3, arithmetic("-progressive")),
    "two-frames.jpg": lambda: with_segment(
        0xC0, genuine()[genuine().index(b"\xff\xc0") + 4 :][:15]
    ),
    "twelve-bit.jpg": lambda: genuine().replace(b"\xff\xc0\0\x11\x08", b"\xff\xc0\0\x11\x0c"),
    "lossless.jpg": lambda: genuine().replace(b"\xff\xc0", b"\xff\xc3"),
    "no-height.jpg": lambda: _declared(480, 0),
    "too-high.jpg": lambda: _declared(480, 700),
    "too-low.jpg": lambda: _declared(480, 300),
    "first-scans-only.jpg": lambda: _first_scans(3),
    "pdf.jpg": lambda: b"%PDF-1.7\n" + genuine(),
    "html.jpg": lambda: b"<html><body>not found</body></html>",
}

TOO_LARGE: dict[str, Callable[[], bytes]] = {
    "pixel-bomb.png": lambda: png(30000, 30000, bytes(1000)),
    "pixel-bomb.jpg": lambda: _declared(65000, 65000),
    "long-bomb.png": lambda: png(2**31 - 1, 1, b"\0"),
}


@cache
@cache
def nasty(name: str) -> bytes:
    """The bytes of the image of this name."""
    return {**GOOD, **BAD, **TOO_LARGE}[name]()
