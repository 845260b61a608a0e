"""Find damaged JPEGs: check that the picture is whole.

Pillow keeps libjpeg's warnings to itself: a scan that is cut off or damaged is filled up with grey
and passes as a picture. Here the scans are run through libjpeg once more, at an eighth of the size,
and its first warning is heard. It gets nothing but tables, frame and scans, so that a harmless
warning (of an odd version, say, or of stray bytes between segments) cannot come first and hide a
grave one.

Arithmetic coding is left out of that: any bits mean something there, so that libjpeg hears of no
damage, and the library around it was once seen to crash on such a file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import simplejpeg

from service.errors import ImageError
from service.media.picture.jpeg import ARITHMETIC, DHT, DQT, DRI, EOI, FRAMES, SOS, Jpeg, Segment

KEPT = (FRAMES - ARITHMETIC) | {DQT, DHT, DRI, SOS}
RESTART = re.compile(rb"\xff[\xd0-\xd7]")
WHOLE_BAND = b"\x00\x3f\x00"  # first and last coefficient, precision: all that sequential may be

# Bytes behind the last block, before the end marker: phones leave some. Many of them mean that the
# scan went out of step with its blocks.
SPARE = re.compile(r"(\d+) extraneous bytes before marker 0xd9")
LEAST_SPARE, SHARE_OF_SPARE = 64, 0.02
# No encoder writes so many zero bytes where they do not stand for a flat area. A scan that refines
# holds up to a thousand raw bits between two codes.
ZEROS, ZEROS_OF_REFINING = bytes(64), bytes(256)
ODD_SAMPLING = "Could not determine subsampling"  # libjpeg could, the library around it cannot


def check_whole(jpeg: Jpeg) -> None:
    """Raises ImageError when a part of the picture is missing or damaged."""
    if not _is_complete(jpeg):
        raise ImageError
    if jpeg.arithmetic:
        _check_end(jpeg)
    else:
        _check_scans(jpeg)


def _check_scans(jpeg: Jpeg) -> None:
    if _is_blanked(jpeg):
        raise ImageError
    warning = _warning(jpeg)
    spare = SPARE.search(warning)
    if spare is not None and int(spare[1]) <= _bearable(jpeg):
        warning = _warning(_without_spare(jpeg, int(spare[1])))
    if ODD_SAMPLING in warning:
        _check_end(jpeg)
    elif warning:
        raise ImageError


def _check_end(jpeg: Jpeg) -> None:
    """Raises ImageError unless the end marker is there: there is no second look to trust in."""
    if jpeg.end is None:
        raise ImageError


def _warning(jpeg: Jpeg) -> str:
    """What libjpeg says first; empty when it has nothing to say."""
    grey = "CMYK" if len(jpeg.components) == 4 else "GRAY"
    try:
        simplejpeg.decode_jpeg(
            _bare(jpeg), grey, fastdct=True, min_height=1, min_width=1, min_factor=8, strict=True
        )
    except ValueError as error:
        return str(error)
    return ""


def _bare(jpeg: Jpeg) -> bytes:
    parts = [b"\xff\xd8"]
    for one in jpeg.segments:
        if one.marker in KEPT:
            body = one.body
            if one.marker == SOS and not jpeg.progressive:
                body = body[:-3] + WHOLE_BAND
            length = (len(body) + 2).to_bytes(2, "big")
            parts += [bytes((0xFF, one.marker)), length, body, one.data]
    return b"".join([*parts, bytes((0xFF, EOI))])


def _bearable(jpeg: Jpeg) -> float:
    """How many bytes may be left over: a share of what follows the last restart marker."""
    if len(jpeg.scans) > 1:
        return LEAST_SPARE
    data = jpeg.scans[0].data
    restarts = [match.end() for match in RESTART.finditer(data)]
    return max(LEAST_SPARE, SHARE_OF_SPARE * (len(data) - (restarts[-1] if restarts else 0)))


def _without_spare(jpeg: Jpeg, count: int) -> Jpeg:
    last = jpeg.scans[-1]
    shorter = replace(last, data=last.data[:-count])
    return replace(jpeg, segments=tuple(shorter if s is last else s for s in jpeg.segments))


def _is_complete(jpeg: Jpeg) -> bool:
    """Whether every coefficient of every plane has come, to its last bit."""
    come: set[tuple[int, int]] = set()
    for scan in jpeg.scans:
        planes, first, last, precision = _header(scan, jpeg.progressive)
        if not precision & 15:
            come |= {(plane, at) for plane, _ in planes for at in range(first, last + 1)}
    return come >= {(plane.id, at) for plane in jpeg.components for at in range(64)}


def _header(scan: Segment, progressive: bool) -> tuple[list[tuple[int, int]], int, int, int]:
    """Planes with their tables, first and last coefficient, and precision: the lowest bit that
    came before in the upper half, the one that comes now in the lower. Raises ImageError."""
    body = scan.body
    if len(body) < 6 or len(body) != 4 + 2 * body[0]:
        raise ImageError
    planes = [(body[at], body[at + 1]) for at in range(1, 1 + 2 * body[0], 2)]
    if not progressive:
        return planes, 0, 63, 0
    return planes, body[-3], min(body[-2], 63), body[-1]


def _is_blanked(jpeg: Jpeg) -> bool:
    """Whether zeros lie where no encoder writes them.

    Zero bits are a flat area only where the shortest code of each table says "no change" and "end
    of block". Elsewhere a run of them is what a broken disk or an upload in pieces left.
    """
    for scan, first in _scans(jpeg):
        zeros = ZEROS_OF_REFINING if _header(scan, jpeg.progressive)[3] >> 4 else ZEROS
        # What lies behind the last block is libjpeg's to count.
        if zeros in scan.data.rstrip(b"\0") and not _is_flat(jpeg, scan, first):
            return True
    return False


def _scans(jpeg: Jpeg) -> Iterator[tuple[Segment, dict[int, int]]]:
    """Each scan, with the symbol that zero bits stand for in each Huffman table in force."""
    first: dict[int, int] = {}
    for one in jpeg.segments:
        if one.marker == DHT:
            first |= dict(_first_symbols(one.body))
        elif one.marker == SOS:
            yield one, first


def _first_symbols(body: bytes) -> Iterator[tuple[int, int]]:
    at = 0
    while at + 17 < len(body):
        yield body[at], body[at + 17]
        at += 17 + sum(body[at + 1 : at + 17])


def _is_flat(jpeg: Jpeg, scan: Segment, first: dict[int, int]) -> bool:
    """Whether zero bits can be a flat area here; yes, where nobody can tell."""
    planes, start, _, precision = _header(scan, jpeg.progressive)
    refines = precision >> 4 > 0
    if not first or (refines and start == 0):  # no tables, or nothing but raw bits
        return True
    direct = [first.get(tables >> 4, 0) for _, tables in planes] if start == 0 else []
    ends = [first.get(0x10 | tables & 15, 0) for _, tables in planes]
    return not any(direct) and ((jpeg.progressive and start == 0) or not (refines or any(ends)))
