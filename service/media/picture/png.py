"""Reduce a PNG to its picture, and check that it is complete.

Pillow unpacks every text and colour profile up to a limit, and refuses the whole image above it. It
checks no checksum of the pixels, and what is missing of them is black. Here the chunks that no
pixel depends on are left out before Pillow sees them.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile

from service.errors import ImageError

MAGIC = b"\x89PNG\r\n\x1a\n"
KEPT = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"eXIf"})
TEXTS = frozenset({b"tEXt", b"zTXt", b"iTXt"})
# Texts that may tell how the picture is to be turned.
ORIENTED = (b"XML:com.adobe.xmp\0", b"Raw profile type exif\0")
LONGEST_TEXT = 2**18  # bytes, unpacked
MOST_TEXTS = 4  # that are looked into: each is unpacked, here and by Pillow
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
PASSES = (  # Adam7: first row and column, distance of rows and columns
    *((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4)),
    *((2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)),
)


@dataclass(frozen=True)
class Chunk:
    """`raw` is the whole of it: length, name, body, checksum."""

    name: bytes
    body: memoryview
    raw: memoryview


def plain(data: bytes) -> bytes:
    """The same PNG without what no pixel depends on. An animation is its first picture.

    Raises ImageError when a checksum of what no picture can do without is wrong, and of an
    animation whose first picture no player shows.
    """
    if _is_hidden(data):
        raise ImageError
    texts = iter(range(MOST_TEXTS))
    kept = (one for one in _chunks(memoryview(data)) if _is_kept(one, texts))
    return MAGIC + b"".join(one.raw for one in kept if _is_sound(one))


def _is_hidden(data: bytes) -> bool:
    """Whether the picture is for readers that know no animations, and others see another one."""
    before = [one.name for one in takewhile(_is_no_pixel, _chunks(memoryview(data)))]
    return b"acTL" in before and b"fcTL" not in before


def _is_no_pixel(one: Chunk) -> bool:
    return one.name != b"IDAT"


def has_all_rows(data: bytes) -> bool:
    """Whether the pixels' stream is as long as the header says."""
    unpacker = zlib.decompressobj()
    missing = 0
    for one in _chunks(memoryview(data)):
        if one.name == b"IHDR":
            missing = _size(one.body)
        elif one.name == b"IDAT":
            missing -= _unpacked(unpacker, one.body, missing)
    return missing <= 0


def _chunks(data: memoryview) -> Iterator[Chunk]:
    """Up to the end, or to the first that is cut off: Pillow says what it thinks of that."""
    at = len(MAGIC)
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        end = at + 12 + length
        if end > len(data):
            return
        name = bytes(data[at + 4 : at + 8])
        yield Chunk(name, data[at + 8 : end - 4], data[at:end])
        if name == b"IEND":
            return
        at = end


def _is_kept(one: Chunk, texts: Iterator[int]) -> bool:
    """`texts`: as many items as texts that may still be looked into."""
    if one.name not in TEXTS or len(one.body) > LONGEST_TEXT:
        return one.name in KEPT
    keyword = next((word for word in ORIENTED if bytes(one.body[:32]).startswith(word)), None)
    if keyword is None or next(texts, None) is None:
        return False
    return _is_short(one.name, one.body[len(keyword) :])


def _is_sound(one: Chunk) -> bool:
    """A small letter says that a picture can do without. Raises ImageError."""
    if zlib.crc32(one.raw[4:-4]) == int.from_bytes(one.raw[-4:]):
        return True
    if one.name[:1].isupper():
        raise ImageError
    return False


def _is_short(name: bytes, text: memoryview) -> bool:
    """Whether what follows the keyword is no longer than it may be, unpacked where it is packed."""
    if name != b"zTXt":  # a packed iTXt is of no use to Pillow
        return name == b"tEXt" or bytes(text[:1]) in (b"", b"\0")
    try:
        return len(zlib.decompressobj().decompress(text[1:], LONGEST_TEXT)) < LONGEST_TEXT
    except zlib.error:
        return False


def _unpacked(unpacker: zlib._Decompress, body: memoryview, most: int) -> int:
    """How many bytes come out, counted to `most` without keeping them."""
    count, rest = 0, bytes(body)
    while rest and count < most:
        part = unpacker.decompress(rest, 2**20)
        if not part and unpacker.eof:
            break
        count, rest = count + len(part), unpacker.unconsumed_tail
    return count


def _size(header: memoryview) -> int:
    """Bytes of all rows, each with the byte of its filter."""
    width, height, depth, colour, *_, interlaced = struct.unpack(">IIBBBBB", header)
    bits = depth * CHANNELS[colour]
    passes = PASSES if interlaced else ((0, 0, 1, 1),)
    sizes = (
        (len(range(top, height, down)), len(range(left, width, over)))
        for top, left, down, over in passes
    )
    return sum(rows * (1 + (columns * bits + 7) // 8) for rows, columns in sizes if columns)
