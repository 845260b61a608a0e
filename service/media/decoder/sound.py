"""The sound of a recording or a video as 16 kHz mono float32."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from itertools import chain
from typing import Any

from av.error import FFmpegError
from av.error import MemoryError as NoMemory
from av.stream import Disposition

from service.media.decoder.announced import announced
from service.media.decoder.channels import RATE, Alone, Mixed
from service.media.decoder.container import Refused, format_name, opened, packets
from service.media.decoder.wire import Order

Message = tuple[dict[str, Any], Any]
CHANNELS = 16
SLACK_SECONDS, SLACK = 1.0, 0.9  # how much less than announced still is a whole file
DAMAGED = 0.25  # share of packets that may fail to decode


def sound(order: Order) -> Iterator[Message]:
    """The samples in pieces, then the facts. Raises Refused."""
    mixed = Mixed()
    facts = yield from _heard(order, mixed)
    if mixed.louder is not None:
        yield {"type": "again"}, b""  # what came so far is nearly silent
        facts = yield from _heard(order, Alone(mixed.louder))
    yield facts, b""


def _heard(order: Order, ear: Mixed | Alone) -> Generator[Message, None, dict[str, Any]]:
    """The samples in pieces; returns the facts. Raises Refused."""
    with opened(order) as container:
        stream = _stream(container)
        length, reached = announced(order.descriptor, container, stream), Reached(stream)
        if length > order.max_seconds:
            raise Refused("too_long")
        samples = 0
        for piece in ear.pieces(reached.through(_decoded(container, stream))):
            samples += len(piece) // 4
            if samples > order.max_seconds * RATE:
                raise Refused("too_long")
            yield {"type": "samples"}, piece
        if not samples or max(samples / RATE, reached.seconds) < SLACK * length - SLACK_SECONDS:
            raise Refused("damaged")
        return _facts(container, stream, samples)


class Reached:
    """How far into a stream its frames reach: in silence some codecs send none (DTX)."""

    def __init__(self, stream: Any) -> None:
        # A stream's own length counts from its start, that of the container from zero.
        start = stream.start_time if stream.duration is not None else None
        self._start = float((start or 0) * (stream.time_base or 0))
        self.seconds = 0.0

    def through(self, frames: Iterable[Any]) -> Iterator[Any]:
        """The same frames, without times: their gaps and jumps are no silence."""
        for frame in frames:
            if frame.time is not None:
                end = frame.time + frame.samples / frame.sample_rate
                self.seconds = max(self.seconds, end - self._start)
            frame.pts = None
            yield frame


def _stream(container: Any) -> Any:
    """The track that players play: the first one that is on by default, else the first."""
    tracks = container.streams.audio
    if not tracks:
        raise Refused("no_sound")
    stream = next((one for one in tracks if one.disposition & Disposition.default), tracks[0])
    if not stream.codec_context or not 0 < stream.codec_context.channels <= CHANNELS:
        raise Refused("damaged")
    return stream


def _decoded(container: Any, stream: Any) -> Iterator[Any]:
    codec, failed = stream.codec_context, 0
    codec.thread_count = 1
    for count, packet in enumerate(chain(packets(container, stream), [None])):
        try:
            yield from codec.decode(packet)
        except NoMemory:
            raise Refused("too_complex") from None
        except FFmpegError:
            failed += 1
            if failed > 8 + DAMAGED * count:
                raise Refused("damaged") from None


def _facts(container: Any, stream: Any, samples: int) -> dict[str, Any]:
    codec = stream.codec_context
    return {
        "type": "facts",
        "format": format_name(container),
        "codec": codec.codec.canonical_name,
        "seconds": round(samples / RATE, 3),
        "sample_rate": codec.sample_rate,
        "channels": codec.channels,
    }
