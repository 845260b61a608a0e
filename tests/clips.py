"""Small videos and recordings made by PyAV."""

from __future__ import annotations

import io
import struct
import tempfile
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

from tests.images import portrait

CODECS = {
    "mp4": ("libx264", "aac"),
    "mov": ("libx264", "aac"),
    "avi": ("mpeg4", "mp3"),
    "matroska": ("libx265", "flac"),
    "webm": ("libvpx", "libopus"),
    "asf": ("wmv2", "wmav2"),
}
LAYOUTS = {1: "mono", 2: "stereo"}
SOUNDS = {
    "wav": "pcm_s16le",
    "mp3": "libmp3lame",
    "flac": "flac",
    "ipod": "aac",
    "ogg": "libopus",
    "adts": "aac",
}


def faces(count: int, size: tuple[int, int] = (320, 320), red: float = 1.0) -> list[np.ndarray]:
    """The demo portrait, moving a little."""
    image = portrait().convert("RGB")
    side = min(image.size) - 2 * count
    shown = []
    for i in range(count):
        part = image.crop((i, i, i + side, i + side)).resize(size, Image.Resampling.BILINEAR)
        shown.append((np.asarray(part) * [red, 1.0, 1.0]).astype(np.uint8))
    return shown


def plain(count: int, size: tuple[int, int] = (160, 120), level: int = 120) -> list[np.ndarray]:
    """Frames without a face."""
    width, height = size
    base = np.full((height, width, 3), level, np.uint8)
    base[: height // 2] //= 2
    return [np.roll(base, i, axis=0) for i in range(count)]


def video(
    frames: Iterable[np.ndarray],
    form: str = "mp4",
    *,
    rate: int = 10,
    codec: str | None = None,
    pixels: str = "yuv420p",
    sound: float = 0.0,
    times: Sequence[float] | None = None,
    options: dict[str, str] | None = None,
    muxer: dict[str, str] | None = None,
    rotation: bool = False,
    colours: dict[str, int] | None = None,
) -> bytes:
    """A clip of these frames; `sound`: seconds of a tone; `times`: of each frame, in seconds."""
    shown = list(frames)
    with tempfile.NamedTemporaryFile() as file:
        _video(file.name, shown, form, rate, codec, pixels, sound, times, options, muxer, colours)
        data = Path(file.name).read_bytes()
    return turned(data) if rotation else data


def turned(mp4: bytes) -> bytes:
    """The same with a display matrix that turns it by 90 degrees."""
    at = mp4.index(b"tkhd") + 44
    return mp4[:at] + struct.pack(">9i", 0, 65536, 0, -65536, 0, 0, 0, 0, 2**30) + mp4[at + 36 :]


def _video(
    path: str,
    shown: list[np.ndarray],
    form: str,
    rate: int,
    codec: str | None,
    pixels: str,
    sound: float,
    times: Sequence[float] | None,
    options: dict[str, str] | None,
    muxer: dict[str, str] | None,
    colours: dict[str, int] | None,
) -> None:
    with av.open(path, "w", format=form, options=muxer or {}) as out:
        stream: Any = out.add_stream(codec or CODECS[form][0], rate=rate)
        stream.height, stream.width = shown[0].shape[:2]
        stream.pix_fmt = pixels
        quiet = {"x265-params": "log-level=none"} if stream.codec.name == "libx265" else {}
        stream.options = (options or {"g": "10"}) | quiet
        for name, value in (colours or {}).items():
            setattr(stream.codec_context, name, value)
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        tone = (
            out.add_stream(CODECS[form][1], rate=48_000, layout="mono", bit_rate=96_000)
            if sound
            else None
        )
        for number, one in enumerate(shown):
            frame = av.VideoFrame.from_ndarray(one, format="rgb24")
            if times is not None:
                frame.time_base, frame.pts = Fraction(1, 1000), round(times[number] * 1000)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
        if tone is not None:
            _tone(out, tone, sound, 48_000)


def recording(
    form: str = "wav", *, seconds: float = 1.0, rate: int = 48_000, channels: int = 1
) -> bytes:
    """A tone of 440 Hz."""
    file = io.BytesIO()
    file.name = "clip"  # type: ignore[misc]
    with av.open(file, "w", format=form) as out:
        _tone(
            out,
            out.add_stream(SOUNDS[form], rate=rate, layout=LAYOUTS[channels], bit_rate=96_000),
            seconds,
            rate,
        )
    return file.getvalue()


def _tone(out: Any, stream: Any, seconds: float, rate: int) -> None:
    wave = 0.4 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)
    for start in range(0, len(wave), 960):
        part = (wave[start : start + 960] * 32767).astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(part, format="s16", layout="mono")
        frame.sample_rate, frame.pts = rate, start
        frame.time_base = Fraction(1, rate)
        out.mux(stream.encode(frame))
    out.mux(stream.encode(None))
