"""Opening a container: known formats and codecs only, nothing that leads to another file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import av
from av.error import FFmpegError

from service.media.decoder.whole import is_cut_off
from service.media.decoder.wire import Failure, Order

# By FFmpeg's names. Playlists and whatever else opens further addresses are not among them.
FORMATS = (
    *("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "avi", "asf", "wav", "mp3", "flac", "ogg"),
    *("aac", "amr"),
)
NAMES = {"mov,mp4,m4a,3gp,3g2,mj2": "mp4", "matroska,webm": "matroska"}
PICTURES = (
    *("h264", "hevc", "libdav1d", "av1", "vp8", "vp9", "libvpx", "libvpx-vp9", "mpeg4", "h263"),
    *("msmpeg4v1", "msmpeg4v2", "msmpeg4", "wmv1", "wmv2", "wmv3", "vc1", "mpeg1video"),
    *("mpeg2video", "mjpeg", "prores", "qtrle", "png", "theora", "ffv1", "huffyuv", "rawvideo"),
    "dvvideo",
)
SOUNDS = (
    *("aac", "mp3", "mp3float", "mp2", "mp2float", "flac", "vorbis", "opus", "libopus", "alac"),
    *("wmav1", "wmav2", "wmapro", "wmavoice", "wmalossless", "amrnb", "amrwb"),
    *("libopencore_amrnb", "libopencore_amrwb", "ac3", "eac3", "speex", "gsm", "gsm_ms"),
    *("adpcm_ms", "adpcm_ima_wav", "adpcm_ima_qt", "pcm_alaw", "pcm_mulaw", "pcm_u8", "pcm_s8"),
    *("pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_s32le", "pcm_s32be"),
    *("pcm_f32le", "pcm_f32be", "pcm_f64le", "pcm_f64be"),
)
PROBED = 5 * 2**20  # bytes read to find out what is in the container


class Refused(Exception):
    """The decoder's own refusal."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure
        super().__init__(failure)


@contextmanager
def opened(order: Order) -> Iterator[Any]:
    """The container behind the descriptor, from its start. Raises Refused."""
    with os.fdopen(os.dup(order.descriptor), "rb") as file:
        if is_cut_off(file):
            raise Refused("damaged")
        file.seek(0)
        try:
            container = av.open(file, options=_options(), metadata_errors="ignore")
        except (FFmpegError, ValueError, UnicodeError):
            raise Refused("damaged") from None
        with container:
            yield container


def _options() -> dict[str, str]:
    return {
        "format_whitelist": ",".join(FORMATS),
        "codec_whitelist": ",".join((*PICTURES, *SOUNDS)),
        "protocol_whitelist": "none",
        "probesize": str(PROBED),
        "analyzeduration": "5000000",
        "max_streams": "32",
        "threads": "1",
    }


def format_name(container: Any) -> str:
    """`mp4`, `matroska`, `avi`, `asf`, `wav`, ..."""
    name: str = container.format.name
    return NAMES.get(name, name)


def packets(container: Any, *streams: Any) -> Iterator[Any]:
    """The streams' packets up to where the file ends, is cut off or is damaged."""
    try:
        for packet in container.demux(*streams):
            if packet.size:
                yield packet
    except FFmpegError:
        return
