"""Frames of a video: only those are decoded that are needed."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from av.error import FFmpegError
from av.error import MemoryError as NoMemory
from av.sidedata.sidedata import SideDataContainer
from av.video.reformatter import Colorspace, Interpolation

from service.media.decoder.chooser import Chooser
from service.media.decoder.container import Refused, format_name, opened, packets
from service.media.decoder.footage import Footage, footage_of, track_of
from service.media.decoder.plan import DecodingPlan, plan
from service.media.decoder.wire import Order

Message = tuple[dict[str, Any], Any]
DAMAGED = 0.25  # share of packets that may fail to decode
HD = 720  # rows from which on colours are BT.709 where the file is silent
UNSPECIFIED = 2  # colour space
HIGH_RANGE = {16: "pq", 18: "hlg"}  # transfer characteristics


def pictures(order: Order) -> Iterator[Message]:
    """The facts, then frame by frame, in the order of time. Raises Refused."""
    with opened(order) as container:
        stream = track_of(container)
        _check_size(stream.codec_context, order)
        footage = footage_of(container, stream, order)
    with opened(order) as container:
        stream = track_of(container)
        pixels = stream.codec_context.width * stream.codec_context.height
        todo = plan(footage.packets, footage.seconds, order.most, pixels)
        chosen = _chosen(container, stream, todo, footage.origin, order)
        yield from _sent(chosen, _facts(container, stream, footage), order)


def _check_size(codec: Any, order: Order) -> None:
    if codec.width * codec.height > order.max_pixels:
        raise Refused("too_large")


def _facts(container: Any, stream: Any, footage: Footage) -> dict[str, Any]:
    codec = stream.codec_context
    return {
        "type": "facts",
        "format": format_name(container),
        "codec": codec.codec.canonical_name,
        "seconds": round(footage.seconds, 3),
        "frames": footage.frames,
        "fps": round(footage.frames / footage.seconds, 3),
        "has_audio": bool(container.streams.audio),
    }


def _sent(
    chosen: Iterator[tuple[float, Any]], facts: dict[str, Any], order: Order
) -> Iterator[Message]:
    """The facts with the first frame, which knows its real size and rotation."""
    found = False
    for time, frame in chosen:
        if not found:
            yield facts | _upright(frame), b""
        found = True
        yield _message(frame, time, order)
    if not found:
        raise Refused("damaged")


def _chosen(
    container: Any, stream: Any, todo: DecodingPlan, origin: float, order: Order
) -> Iterator[tuple[float, Any]]:
    codec = stream.codec_context
    codec.thread_type, codec.thread_count = "NONE", 1
    codec.options = {"max_pixels": str(order.max_pixels)}  # sizes may change on the way
    codec.skip_frame = todo.skip
    chooser = Chooser(todo, order.most)
    for time, frame in _decoded(container, stream, todo, origin):
        if frame.width * frame.height > order.max_pixels:
            raise Refused("too_large")
        if chooser.wants(time, frame):
            yield time, frame
        if chooser.done:
            return


def _decoded(
    container: Any, stream: Any, todo: DecodingPlan, origin: float
) -> Iterator[tuple[float, Any]]:
    """Sound frames with their seconds from the first one. Raises Refused."""
    base = float(stream.time_base or Fraction(1, 1000))
    rate = float(stream.average_rate or stream.guessed_rate or 25)
    failed = count = 0
    for packet in _fed(container, stream, todo):
        try:
            frames = stream.codec_context.decode(packet)
        except NoMemory:
            raise Refused("too_complex") from None
        except FFmpegError:
            failed += 1
            if failed > 1 + DAMAGED * len(todo.fed):
                raise Refused("damaged") from None
            continue
        for frame in frames:
            stamp = frame.pts if frame.pts is not None else frame.dts
            time = stamp * base - origin if stamp is not None else count / rate
            count += 1
            if not frame.is_corrupt:
                yield max(0.0, time), frame


def _fed(container: Any, stream: Any, todo: DecodingPlan) -> Iterator[Any]:
    """The packets that the plan needs; None at the end has the decoder give what it holds."""
    for packet, needed in zip(packets(container, stream), todo.fed, strict=False):
        if needed:
            yield packet
    yield None


def _turn(frame: Any) -> tuple[int, bool]:
    """Degrees against the clock, after the frame was mirrored left to right where it must be."""
    mirrored = _is_mirrored(frame)
    return (frame.rotation + 180 * mirrored) % 360, mirrored


def _is_mirrored(frame: Any) -> bool:
    try:  # not by `frame.side_data`: frame and data would hold each other, and every frame stay
        matrix = SideDataContainer(frame).get("DISPLAYMATRIX")  # type: ignore[call-arg]
    except ValueError:  # the frame carries something besides that PyAV does not know
        return False
    a, b, _, c, d = struct.unpack_from("=5i", bytes(matrix)) if matrix else (1, 0, 0, 0, 1)
    return bool(a * d < b * c)


def _message(frame: Any, time: float, order: Order) -> Message:
    width, height = _size(frame, order.longest)
    shown = frame.reformat(
        width, height, "rgb24", interpolation=Interpolation.AREA, **_colours(frame)
    )
    plane = shown.planes[0]
    head = {"type": "frame", "time": round(time, 3), "width": width, "height": height}
    rotation, mirrored = _turn(frame)
    more = {"stride": plane.line_size, "rotation": rotation, "mirrored": mirrored}
    return head | more | {"transfer": HIGH_RANGE.get(int(frame.color_trc))}, memoryview(plane)


def _colours(frame: Any) -> dict[str, Any]:
    """What swscale is told where the file is silent."""
    if int(frame.colorspace) != UNSPECIFIED or frame.height < HD:
        return {}
    return {"src_colorspace": Colorspace.ITU709, "dst_colorspace": Colorspace.ITU709}


def _size(frame: Any, longest: int) -> tuple[int, int]:
    """Square pixels, shrunk to `longest`."""
    aspect = frame.sample_aspect_ratio if hasattr(frame, "sample_aspect_ratio") else None
    stretch = float(aspect) if aspect and 0.2 < float(aspect) < 5 else 1.0
    width, height = frame.width * stretch, float(frame.height)
    scale = min(1.0, longest / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _upright(frame: Any) -> dict[str, Any]:
    rotation, _ = _turn(frame)
    turned = rotation % 180 != 0
    width, height = (frame.height, frame.width) if turned else (frame.width, frame.height)
    return {"width": width, "height": height, "rotation": -rotation % 360}
