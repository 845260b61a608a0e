"""What is inside a JPEG: the segments, the frame and the scans of its first picture."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from service.errors import ImageError

EOI, SOS, DQT, DHT, DRI, DAC = 0xD9, 0xDA, 0xDB, 0xC4, 0xDD, 0xCC
SEQUENTIAL, PROGRESSIVE = frozenset({0xC0, 0xC1, 0xC9}), frozenset({0xC2, 0xCA})
ARITHMETIC = frozenset({0xC9, 0xCA})
PLANES = frozenset({1, 3, 4})  # grey, colour, CMYK: Pillow reads no other number
FRAMES = frozenset(range(0xC0, 0xD0)) - {DHT, 0xC8, DAC}
ALONE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a body
# Of the FF that may fill the space before a marker only the last is looked for: tried from each
# of them, a long run would take the square of its length.
MARKER = re.compile(rb"\xff([^\x00\xff])")
AFTER_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")

MAX_SCANS = 100  # a progressive JPEG has about ten; each one costs a pass over all pixels
MAX_SEGMENTS = 4096  # a segment holds 64 KiB


@dataclass(frozen=True)
class Segment:
    """One marker with its body; `data` is the entropy-coded part behind a scan's header."""

    marker: int
    body: bytes
    data: bytes = b""


@dataclass(frozen=True)
class Component:
    """One plane of the frame: its id and its sampling factors."""

    id: int
    across: int
    down: int


@dataclass(frozen=True)
class Jpeg:
    """The first picture of a file; `end` is where its end marker ends, None without one."""

    segments: tuple[Segment, ...]
    end: int | None
    width: int
    height: int
    progressive: bool
    arithmetic: bool
    components: tuple[Component, ...]

    @property
    def scans(self) -> list[Segment]:
        return [one for one in self.segments if one.marker == SOS]

    @property
    def held(self) -> float:
        """Bytes that libjpeg holds for each pixel: every coefficient, where scans share them."""
        if not self.progressive and len(self.scans) == 1:
            return 0.0
        planes = self.components
        full = max(one.across for one in planes) * max(one.down for one in planes)
        return 2 * sum(one.across * one.down for one in planes) / full


def parse(data: bytes) -> Jpeg:
    """The first picture in `data`; what follows it (a video, more pictures) is not looked at.

    Raises ImageError for no or several frames, a process that is not read, and a bomb of scans.
    """
    segments, end = _segments(data)
    frames = [one for one in segments if one.marker in FRAMES]
    if len(frames) != 1 or frames[0].marker not in SEQUENTIAL | PROGRESSIVE:
        raise ImageError
    if not 0 < sum(one.marker == SOS for one in segments) <= MAX_SCANS:
        raise ImageError
    height, width, planes = _frame(frames[0].body)
    marker = frames[0].marker
    process = (marker in PROGRESSIVE, marker in ARITHMETIC)
    return Jpeg(tuple(segments), end, width, height, *process, planes)


def alone(data: bytes, jpeg: Jpeg) -> bytes:
    """The bytes of the first picture, with the end marker that it may lack."""
    if jpeg.end is None:
        return data + bytes((0xFF, EOI))
    return data if jpeg.end == len(data) else data[: jpeg.end]


def _segments(data: bytes) -> tuple[list[Segment], int | None]:
    """As libjpeg finds them: what is no marker between two segments is passed over."""
    found: list[Segment] = []
    at = 2
    while (match := MARKER.search(data, at)) is not None and len(found) < MAX_SEGMENTS:
        marker, at = match[1][0], match.end()
        if marker == EOI:
            return found, at
        if marker in ALONE:
            continue
        if at + 2 > len(data):
            break
        segment, at = _segment(data, marker, at)
        found.append(segment)
    return found, None


def _segment(data: bytes, marker: int, start: int) -> tuple[Segment, int]:
    """The segment whose length stands at `start`, and where it ends."""
    stop = start + max(2, struct.unpack_from(">H", data, start)[0])
    if marker != SOS:
        return Segment(marker, data[start + 2 : stop]), stop
    after = AFTER_SCAN.search(data, stop)
    end = after.start() if after else len(data)
    scan = data[stop:end].rstrip(b"\xff") if after else data[stop:end]
    return Segment(marker, data[start + 2 : stop], scan), end


def _frame(body: bytes) -> tuple[int, int, tuple[Component, ...]]:
    """Height, width and planes. Raises ImageError; none but 8 bits a sample is read."""
    if len(body) < 9 or body[0] != 8 or body[5] not in PLANES or len(body) != 6 + 3 * body[5]:
        raise ImageError
    height, width = struct.unpack_from(">HH", body, 1)
    planes = [Component(body[at], body[at + 1] >> 4, body[at + 1] & 15) for at in _triples(body)]
    if (
        not height
        or not width
        or any(not (1 <= one.across <= 4 and 1 <= one.down <= 4) for one in planes)
    ):
        raise ImageError
    return height, width, tuple(planes)


def _triples(body: bytes) -> range:
    return range(6, len(body), 3)
