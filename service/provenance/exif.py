"""A bounded reader of EXIF data: three directories, a handful of fields, no loops."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

MAX_FIELDS = 256  # of one directory
MAX_TEXT = 2**16  # bytes
EXIF_POINTER = 0x8769
OFFSET, LENGTH = 0x0201, 0x0202  # of the thumbnail
ASCII, SHORT, LONG, UNDEFINED, BYTE = 2, 3, 4, 7, 1
SIZES = {BYTE: 1, ASCII: 1, SHORT: 2, LONG: 4, UNDEFINED: 1}
TEXTS = {
    0x010D: "DocumentName",
    0x010E: "ImageDescription",
    0x010F: "Make",
    0x0110: "Model",
    0x0131: "Software",
    0x0132: "DateTime",
    0x013B: "Artist",
    0x013C: "HostComputer",
    0x8298: "Copyright",
    0x9003: "DateTimeOriginal",
    0x9011: "OffsetTimeOriginal",
    0x9286: "UserComment",
    0x9C9C: "XPComment",
    0xA434: "LensModel",
}
NOTES = 0x927C
TURN = 0x0112
UTF16 = frozenset({0x9C9C})


@dataclass
class Exif:
    """Texts by the name of their field; `turn` is the orientation, 1 to 8."""

    texts: dict[str, str] = field(default_factory=dict)
    turn: int = 1
    notes: bool = False
    thumbnail: bytes | None = None


def read_exif(data: bytes) -> Exif:
    """What can be read of a TIFF structure; nothing of what is none."""
    found = Exif()
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None or len(data) < 8:
        return found
    main, after = _directory(data, order, _number(data, order, 4))
    _take(found, data, order, main)
    if EXIF_POINTER in main:
        inner, _ = _directory(data, order, main[EXIF_POINTER].offset)
        _take(found, data, order, inner)
    small, _ = _directory(data, order, after)
    if OFFSET in small and LENGTH in small:
        start, size = small[OFFSET].offset, small[LENGTH].offset
        found.thumbnail = data[start : start + min(size, MAX_TEXT)] or None
    return found


@dataclass(frozen=True)
class _Field:
    kind: int
    count: int
    at: int  # where the value, or its offset, stands
    offset: int


def _directory(data: bytes, order: str, at: int) -> tuple[dict[int, _Field], int]:
    """Fields by their tag, and where the next directory begins."""
    if not 8 <= at <= len(data) - 2:
        return {}, 0
    count = min(struct.unpack_from(order + "H", data, at)[0], MAX_FIELDS)
    fields = dict(_fields(data, order, at + 2, count))
    return fields, _number(data, order, at + 2 + 12 * count)


def _fields(data: bytes, order: str, at: int, count: int) -> Iterator[tuple[int, _Field]]:
    for place in range(at, min(at + 12 * count, len(data) - 11), 12):
        tag, kind, number, offset = struct.unpack_from(order + "HHII", data, place)
        if kind == SHORT and number == 1:
            offset = struct.unpack_from(order + "H", data, place + 8)[0]
        yield tag, _Field(kind, number, place + 8, offset)


def _take(found: Exif, data: bytes, order: str, fields: dict[int, _Field]) -> None:
    for tag, one in fields.items():
        if tag == NOTES and one.count > 4:
            found.notes = True
        elif tag == TURN and 1 <= one.offset <= 8:
            found.turn = one.offset
        elif tag in TEXTS and (text := _text(data, order, tag, one)):
            found.texts.setdefault(TEXTS[tag], text)


def _text(data: bytes, order: str, tag: int, one: _Field) -> str:
    size = min(one.count * SIZES.get(one.kind, 1), MAX_TEXT)
    start = one.at if size <= 4 else one.offset
    raw = data[start : start + size]
    if tag in UTF16:
        return raw.decode("utf-16-le", "replace").strip("\0 ")
    if raw.startswith(b"UNICODE\0"):
        wide = raw[8:]
        # Writers differ in their order of bytes, whatever that of the file is.
        big = wide[:1] == b"\0" if wide else order == ">"
        return wide.decode("utf-16-be" if big else "utf-16-le", "replace").strip("\0 ")
    if raw.startswith((b"ASCII\0\0\0", b"\0" * 8)):
        raw = raw[8:]
    return raw.decode("utf-8", "replace").strip("\0 ")


def _number(data: bytes, order: str, at: int) -> int:
    if not 0 <= at <= len(data) - 4:
        return 0
    return int(struct.unpack_from(order + "I", data, at)[0])
