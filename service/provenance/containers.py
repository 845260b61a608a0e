"""What lies around the pixels of a picture: EXIF, XMP, texts, tables, C2PA. Bounded, never raises.

Nothing is decoded here. What is cut off, damaged or too long is passed over.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from PIL import Image

from service.media.formats import format_of
from service.media.picture.jpeg import ALONE, DHT, DQT, FRAMES, PROGRESSIVE, SOS
from service.provenance.exif import Exif, read_exif

MAX_PARTS = 1024  # segments, chunks or boxes that are looked at
MAX_TEXTS = 64
MAX_TEXT = 2**16  # bytes of one text, unpacked
MAX_BLOCK = 2**20  # bytes of one EXIF or XMP block
APP, COMMENT = range(0xE0, 0xF0), 0xFE
XMP = b"http://ns.adobe.com/xap/1.0/\0"
C2PA_BOX = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")  # in HEIF and AVIF


@dataclass
class Parts:
    """What was found. `texts`: field and content. `tables`: quantisation tables of a JPEG, each 64
    numbers in zigzag order; `frame`: body of its frame header."""

    format: str | None = None
    texts: list[tuple[str, str]] = field(default_factory=list)
    exif: Exif = field(default_factory=Exif)
    xmp: str = ""
    manifest: bytes = b""
    tables: dict[int, tuple[int, ...]] = field(default_factory=dict)
    frame: bytes = b""
    progressive: bool = False
    huffman: list[bytes] = field(default_factory=list)

    def add(self, where: str, raw: bytes | str) -> None:
        """Keep a text, cut to what is allowed."""
        text = raw if isinstance(raw, str) else raw[:MAX_TEXT].decode("utf-8", "replace")
        if text.strip("\0 ") and len(self.texts) < MAX_TEXTS:
            self.texts.append((where, text[:MAX_TEXT].strip("\0 ")))

    def take_exif(self, block: bytes) -> None:
        """Read an EXIF block, with or without its name before it."""
        self.exif = read_exif(block[:MAX_BLOCK].removeprefix(b"Exif\0\0"))
        for name, text in self.exif.texts.items():
            self.add(f"exif:{name}", text)

    def take_xmp(self, block: bytes) -> None:
        """Keep an XMP packet."""
        self.xmp = (self.xmp + block[:MAX_BLOCK].decode("utf-8", "replace"))[:MAX_BLOCK]


def read_parts(data: bytes) -> Parts:
    """Everything around the pixels, as far as it can be read."""
    parts = Parts(format_of(data))
    with suppress(ValueError, IndexError, struct.error, OverflowError, zlib.error):
        READERS.get(parts.format or "", _nothing)(data, parts)
    # What was found before any damage counts.
    return parts


def _nothing(data: bytes, parts: Parts) -> None:
    """A format that holds none of this."""


def _jpeg(data: bytes, parts: Parts) -> None:
    manifest: list[bytes] = []
    for marker, body in _segments(data):
        if marker in APP:
            _application(marker - 0xE0, body, parts, manifest)
        elif marker == COMMENT:
            parts.add("jpeg:comment", body)
        elif marker == DQT:
            _quantisation(body, parts)
        elif marker == DHT:
            parts.huffman.append(body)
        elif marker in FRAMES:
            parts.frame, parts.progressive = body, marker in PROGRESSIVE
    parts.manifest = b"".join(manifest)


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Up to the first scan."""
    at = 2
    for _ in range(MAX_PARTS):
        at = data.find(b"\xff", at)
        if not 0 <= at < len(data) - 3:
            return
        marker = data[at + 1]
        if marker in (0x00, 0xFF) or marker in ALONE:
            at += 1
            continue
        if marker in (SOS, 0xD9):
            return
        size = struct.unpack_from(">H", data, at + 2)[0]
        yield marker, data[at + 4 : at + 2 + size]
        at += 2 + max(2, size)


def _application(number: int, body: bytes, parts: Parts, manifest: list[bytes]) -> None:
    if number == 1 and body.startswith(b"Exif\0\0"):
        parts.take_exif(body)
    elif number == 1 and body.startswith(XMP):
        parts.take_xmp(body.removeprefix(XMP))
    elif number == 11 and body.startswith(b"JP"):
        manifest.append(body[8:] if not manifest else body[16:])  # later ones repeat the head
    elif number == 13:
        parts.add("jpeg:photoshop", body)
    else:
        parts.add(f"jpeg:app{number}", body[:512])


def _quantisation(body: bytes, parts: Parts) -> None:
    at = 0
    while at < len(body):
        wide, number = body[at] >> 4, body[at] & 15
        size = 128 if wide else 64
        raw = body[at + 1 : at + 1 + size]
        if len(raw) < size:
            return
        table = struct.unpack(">64H", raw) if wide else tuple(raw)
        parts.tables[number] = table
        at += 1 + size


def _png(data: bytes, parts: Parts) -> None:
    for name, body in _chunks(data, len(b"\x89PNG\r\n\x1a\n"), ">I4s", trailer=4):
        if name == b"caBX":
            parts.manifest = body
        elif name == b"eXIf":
            parts.take_exif(body)
        elif name in (b"tEXt", b"zTXt", b"iTXt"):
            _png_text(name, body, parts)
        elif name == b"iDOT":
            parts.add("png:chunk", "iDOT")
        elif name == b"IDAT" and len(body) < 8:  # a thousand empty ones tell nothing
            continue


def _png_text(name: bytes, body: bytes, parts: Parts) -> None:
    keyword, _, rest = body[: MAX_BLOCK + 80].partition(b"\0")
    packed = name == b"zTXt" or (name == b"iTXt" and rest[:1] == b"\1")
    if name == b"zTXt":
        rest = rest[1:]
    elif name == b"iTXt":
        rest = rest[2:].partition(b"\0")[2].partition(b"\0")[2]
    if packed:
        rest = zlib.decompressobj().decompress(rest, MAX_BLOCK)
    if keyword == b"XML:com.adobe.xmp":
        parts.take_xmp(rest)
    else:
        encoding = "utf-8" if name == b"iTXt" else "latin-1"
        text = rest[:MAX_TEXT].decode(encoding, "replace")
        parts.add(f"png:{keyword[:79].decode('latin-1')}", text)


def _chunks(
    data: bytes, at: int, head: str, trailer: int = 0, even: bool = False
) -> Iterator[tuple[bytes, bytes]]:
    for _ in range(MAX_PARTS):
        if at + 8 > len(data):
            return
        fields = struct.unpack_from(head, data, at)
        size, name = fields if isinstance(fields[0], int) else fields[::-1]
        yield name, data[at + 8 : at + 8 + size]
        at += 8 + size + trailer + (size & 1 if even else 0)


def _webp(data: bytes, parts: Parts) -> None:
    for name, body in _chunks(data, 12, "<4sI", even=True):
        if name == b"EXIF":
            parts.take_exif(body)
        elif name == b"XMP ":
            parts.take_xmp(body)
        elif name == b"C2PA":
            parts.manifest = body


def _boxes(data: bytes, parts: Parts) -> None:
    """HEIF and AVIF: libheif finds EXIF and XMP, which lie anywhere in the file."""
    at = 0
    for _ in range(MAX_PARTS):
        if at + 8 > len(data):
            break
        size, name = struct.unpack_from(">I4s", data, at)
        if name == b"uuid" and data[at + 8 : at + 24] == C2PA_BOX:
            parts.manifest = data[at + 24 : at + size]
        at += size if size >= 8 else len(data)
    _from_pillow(data, parts)


def _from_pillow(data: bytes, parts: Parts) -> None:
    try:
        with Image.open(io.BytesIO(data), formats=(parts.format or "",)) as image:
            exif, xmp = image.info.get("exif"), image.info.get("xmp")
    except Exception:  # plug-ins raise nearly anything on bad input
        return
    if isinstance(exif, bytes):
        parts.take_exif(exif[exif.find(b"Exif\0\0") :] if b"Exif\0\0" in exif[:16] else exif)
    if isinstance(xmp, bytes):
        parts.take_xmp(xmp)


def _tiff(data: bytes, parts: Parts) -> None:
    parts.take_exif(data)
    parts.exif.thumbnail = None  # its next directory is another page


READERS: dict[str, Callable[[bytes, Parts], None]] = {
    "JPEG": _jpeg,
    "PNG": _png,
    "WEBP": _webp,
    "HEIF": _boxes,
    "AVIF": _boxes,
    "TIFF": _tiff,
}
