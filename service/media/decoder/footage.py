"""What a file holds: its one track of pictures, when each frame is shown, whether all is there."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from av.stream import Disposition

from service.media.decoder.container import Refused, format_name, packets
from service.media.decoder.plan import Packet
from service.media.decoder.wire import Order

FASTEST = 250  # frames a second; telephones film slow motion with 240
MOST_A_SECOND = 1000  # more frames are no footage, but a header that lies
SHARE, SLACK = 0.95, 0.25  # share and seconds below what is announced that still are a whole file
COVER = int(Disposition.attached_pic | Disposition.timed_thumbnails)


@dataclass(frozen=True)
class Footage:
    """origin: when the first frame is shown, by the file's clock; packets: in the order of
    decoding, with seconds from there; frames: how many are shown."""

    origin: float
    packets: list[Packet]
    frames: int
    seconds: float


def track_of(container: Any) -> Any:
    """The one video stream that is no cover. Raises Refused.

    Players do not agree on which one of several they show, so none may hide behind another.
    """
    films = [one for one in container.streams.video if one.codec_context and not _is_cover(one)]
    if len(films) > 1:
        raise Refused("ambiguous")
    if not films:
        raise Refused("no_pictures")
    return films[0]


def _is_cover(stream: Any) -> bool:
    """Pictures of chapters are tracks, too; such a track that is switched on is shown."""
    marks = int(stream.disposition)
    return bool(marks & COVER) and not marks & int(Disposition.default)


def footage_of(container: Any, stream: Any, order: Order) -> Footage:
    """Read without decoding. Raises Refused for too much, or for less than was announced."""
    start, end, seen = _read(container, stream, int(order.max_seconds * FASTEST))
    found = _shown(stream, seen)
    announced = _announced(container, stream, start)
    if max(found.seconds, announced) > order.max_seconds:
        raise Refused("too_long")
    if max(end - start, found.seconds) < SHARE * announced - SLACK:
        raise Refused("damaged")
    if len(seen) < SHARE * _promised(container, stream):
        raise Refused("damaged")
    return found


def _read(container: Any, stream: Any, most: int) -> tuple[float, float, list[Packet]]:
    """When what is shown or heard begins and ends, and every packet of the pictures."""
    start, end, found = math.inf, -math.inf, list[Packet]()
    rate, timed = float(stream.average_rate or stream.guessed_rate or 25), _timed(container, stream)
    bases = {one.index: float(one.time_base or Fraction(1, 1000)) for one in timed}
    for packet in packets(container, *timed):
        time, length = _times(packet, bases[packet.stream_index], len(found) / rate)
        shown = not packet.is_discard
        if shown:
            start, end = min(start, time), max(end, time + length)
        if packet.stream_index == stream.index:
            found.append(Packet(time, packet.is_keyframe, shown))
        if len(found) > most:
            raise Refused("too_long")
    return start, end, found


def _timed(container: Any, stream: Any) -> list[Any]:
    """The streams that what is announced speaks of: of the whole file, sound may go on longer."""
    return [stream] if _has_length(stream) else [stream, *container.streams.audio]


def _times(packet: Any, base: float, otherwise: float) -> tuple[float, float]:
    """When a packet is shown, and for how long, in seconds. No fractions: those of 150,000
    packets take a second of the three that the decoder has."""
    stamp = packet.pts if packet.pts is not None else packet.dts
    time = stamp * base if stamp is not None else otherwise
    return time, (packet.duration or 0) * base


def _shown(stream: Any, seen: list[Packet]) -> Footage:
    """Edit lists leave out frames that others refer to: they are decoded, but not shown."""
    times = [one.time for one in seen if one.shown]
    if not times:
        raise Refused("damaged")
    origin, count = min(times), len(times)
    seconds = (max(times) - origin) * count / max(1, count - 1)
    # Of time stamps that are all alike, or nearly, some length that can be divided by.
    seconds = max(seconds or 1 / float(stream.average_rate or 25), count / MOST_A_SECOND)
    moved = [Packet(one.time - origin, one.key, one.shown) for one in seen]
    return Footage(origin, moved, count, seconds)


def _has_length(stream: Any) -> bool:
    return stream.duration is not None and bool(stream.time_base)


def _announced(container: Any, stream: Any, start: float) -> float:
    """Seconds by the header; that of a whole file may count from zero, whenever it begins."""
    if _has_length(stream):
        return float(stream.duration * stream.time_base)
    seconds = float(container.duration or 0) / 1_000_000
    return seconds - start if seconds > start > 0 else seconds


def _promised(container: Any, stream: Any) -> int:
    """Packets by the header; FFmpeg gives none of those that the edit list leaves out."""
    if format_name(container) != "mp4":
        return int(stream.frames)
    return min(int(stream.frames), len(stream.index_entries))
