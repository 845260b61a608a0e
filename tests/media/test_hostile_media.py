"""Odd and hostile videos and recordings: each is decoded, or refused with a named reason."""

from __future__ import annotations

import struct
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from service.errors import (
    MediaError,
    MediaTooComplex,
    MediaTooLarge,
    MediaTooLong,
    NoPictures,
    NoSound,
)
from service.media.audio import Sound, sound
from service.media.facts import VideoFacts
from service.media.medium import Medium
from service.media.video import frames
from service.settings import Settings
from tests import clips
from tests.images import genuine

pytestmark = pytest.mark.slow  # each takes little, all of them much

SETTINGS = Settings(max_seconds=60)
Make = Callable[[], bytes]
Told = type[MediaError]


def muxed(form: str, fill: Callable[[Any], object], **options: str) -> bytes:
    with tempfile.NamedTemporaryFile() as file:
        with av.open(file.name, "w", format=form, options=options) as out:
            fill(out)
        return Path(file.name).read_bytes()


def without_frames(form: str, **options: str) -> bytes:
    def fill(out: Any) -> None:
        stream = out.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        out.start_encoding()

    return muxed(form, fill, **options)


def subtitles(form: str, codec: str) -> bytes:
    def fill(out: Any) -> None:
        stream = out.add_mux_stream(codec)
        for number in range(5):
            packet = av.Packet(b"\0\5hello")
            packet.stream, packet.time_base = stream, Fraction(1, 1000)
            packet.pts = packet.dts = number * 1000
            packet.duration = 1000
            out.mux(packet)

    return muxed(form, fill)


def many_streams() -> bytes:
    def fill(out: Any) -> None:
        for _ in range(60):
            out.add_stream("pcm_s16le", rate=8000, layout="mono")
        out.start_encoding()

    return muxed("matroska", fill)


def recorded(
    form: str,
    codec: str,
    rate: int,
    *,
    seconds: float = 2.0,
    layout: str = "mono",
    level: float = 0.4,
    pcm: str = "s16",
) -> bytes:
    """A tone, encoded from 16 or 32 bits."""
    wave = level * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)

    def fill(out: Any) -> None:
        stream = out.add_stream(codec, rate=rate, layout=layout)
        whole = (wave * (2**31 - 1)).astype(np.int32)
        taken = whole if pcm == "s32" else (whole >> 16).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(taken[None], format=pcm, layout="mono")
        frame.sample_rate = rate
        turn = av.AudioResampler(pcm if pcm == "s32" else stream.codec_context.format.name, layout)
        stream.codec_context.format = turn.format
        for part in [*turn.resample(frame), *turn.resample(None), None]:
            out.mux(stream.encode(part))

    return muxed(form, fill)


@cache
def film() -> bytes:
    return clips.video(clips.plain(30))


@cache
def wav() -> bytes:
    return recorded("wav", "pcm_s16le", 16_000, seconds=1)


@cache
def mp3() -> bytes:
    return recorded("mp3", "libmp3lame", 44_100, seconds=3)


def said(atom: bytes, offset: int, value: int) -> Make:
    """The film with another number in the head of one of its atoms."""

    def make() -> bytes:
        at = film().index(atom) + offset
        return film()[:at] + value.to_bytes(4, "big") + film()[at + 4 :]

    return make


def head(offset: int, form: str, value: int) -> Make:
    """The recording with another number in its format."""

    def make() -> bytes:
        lying = bytearray(wav())
        struct.pack_into(form, lying, lying.index(b"fmt ") + 8 + offset, value)
        return bytes(lying)

    return make


def data_size(value: int) -> Make:
    def make() -> bytes:
        at = wav().index(b"data") + 4
        return wav()[:at] + struct.pack("<I", value) + wav()[at + 4 :]

    return make


def riff_size(value: int) -> bytes:
    return wav()[:4] + struct.pack("<I", value) + wav()[8:]


def junk(count: int) -> bytes:
    return np.random.default_rng(0).integers(0, 256, count).astype(np.uint8).tobytes()


def nested() -> bytes:
    atoms = (struct.pack(">I4s", 8 * (20_000 - depth), b"moov") for depth in range(20_000))
    return b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + b"".join(atoms)


def part(make: Make, share: float) -> Make:
    return lambda: make()[: int(len(make()) * share)]


def of_unknown_length() -> bytes:
    """Some kB of FLAC that are two minutes."""
    data = bytearray(recorded("flac", "flac", 8000, seconds=120, level=0))
    at = data.index(b"fLaC") + 18
    (known,) = struct.unpack_from(">Q", data, at)
    struct.pack_into(">Q", data, at, known >> 36 << 36)
    return bytes(data)


SHOWN = clips.plain(20)
FILMS: dict[str, Make] = {
    "motion jpeg": lambda: clips.video(SHOWN, "avi", codec="mjpeg", pixels="yuvj420p", sound=1.0),
    "wmv": lambda: clips.video(SHOWN, "asf", codec="wmv1"),
    "10 bit": lambda: clips.video(SHOWN, codec="libx265", pixels="yuv420p10le", options={}),
    "10 bit 4:2:2": lambda: clips.video(SHOWN, pixels="yuv422p10le", options={}),
    "prores": lambda: clips.video(SHOWN, "mov", codec="prores_ks", pixels="yuv422p10le"),
    "16 bit": lambda: clips.video(SHOWN, "matroska", codec="ffv1", pixels="rgb48le", options={}),
    "grey": lambda: clips.video(SHOWN, "matroska", codec="ffv1", pixels="gray", options={}),
    "fragments": lambda: clips.video(SHOWN, muxer={"movflags": "frag_keyframe+empty_moov"}),
    "one frame": lambda: clips.video(SHOWN[:1]),
    "tiny": lambda: clips.video([one[:2, :2] for one in SHOWN]),
    "wide": lambda: clips.video([np.zeros((16, 8000, 3), np.uint8)] * 5, "mov", codec="mjpeg",
                                pixels="yuvj420p"),
    "many times": said(b"stts", 12, 2**32 - 1),
    "all at once": said(b"mdhd", 16, 2**31 - 1),
}  # fmt: skip
NO_FILMS: dict[str, tuple[Make, Told]] = {
    "no frames, mp4": (lambda: without_frames("mp4", movflags="empty_moov"), MediaError),
    "no frames, mkv": (lambda: without_frames("matroska"), MediaError),
    "subtitles, mkv": (lambda: subtitles("matroska", "subrip"), NoPictures),
    "subtitles, mp4": (lambda: subtitles("mp4", "mov_text"), NoPictures),
    "sound, mkv": (lambda: recorded("matroska", "pcm_s16le", 16_000), NoPictures),
    "wmv, cut off": (part(FILMS["wmv"], 0.6), MediaError),
    "motion jpeg, cut off": (part(FILMS["motion jpeg"], 0.6), MediaError),
    "fragments, cut off": (part(FILMS["fragments"], 0.5), MediaError),
    "no time": (said(b"mdhd", 16, 0), MediaTooLong),
    "slow time": (said(b"mdhd", 16, 1), MediaTooLong),
    "long frames": (said(b"stts", 16, 2**31 - 1), MediaTooLong),
    "many frames": (said(b"stsz", 12, 2**31 - 1), MediaError),
    "huge frames": (said(b"stsz", 8, 2**31 - 1), MediaError),
    "frames elsewhere": (said(b"stco", 12, 2**31), MediaError),
    "no parameters": (lambda: film().replace(b"avcC", b"xxxx"), MediaError),
    "endless atom": (
        lambda: film()[:32] + struct.pack(">I4sQ", 1, b"free", 2**63 - 1) + film()[32:],
        MediaError,
    ),
    "tiny atoms": (lambda: film()[:28] + b"\0\0\0\1" * 20_000, MediaError),
    "atoms in atoms": (nested, MediaError),
    "heads in heads": (lambda: b"\x1aE\xdf\xa3" * 20_000, MediaError),
    "many streams": (many_streams, MediaError),
    "zeros": (lambda: b"\0\0\0\x20ftypisom" + bytes(5_000_000), MediaError),
    "ones": (lambda: b"\x1aE\xdf\xa3" + b"\xff" * 5_000_000, MediaError),
    "an image": (genuine, MediaError),
    "huge": (
        lambda: clips.video([np.zeros((6000, 6000, 3), np.uint8)], "mov", codec="png",
                            pixels="rgb24", options={}),
        MediaTooLarge,
    ),
}  # fmt: skip
RECORDINGS: dict[str, Make] = {
    "24 bit, 96 kHz": lambda: recorded("flac", "flac", 96_000, pcm="s32"),
    "amr": lambda: recorded("amr", "libopencore_amrnb", 8000),
    "amr in 3gp": lambda: recorded("3gp", "libopencore_amrnb", 8000),
    "alac": lambda: recorded("ipod", "alac", 44_100),
    "opus": lambda: recorded("ogg", "libopus", 48_000),
    "mu-law": lambda: recorded("wav", "pcm_mulaw", 8000),
    "adpcm": lambda: recorded("wav", "adpcm_ima_wav", 8000),
    "eight channels": lambda: recorded("wav", "pcm_s16le", 48_000, layout="7.1"),
    "384 kHz": lambda: recorded("wav", "pcm_s16le", 384_000),
    "silence": lambda: recorded("wav", "pcm_s16le", 16_000, level=0),
    "clipped": lambda: recorded("wav", "pcm_s16le", 16_000, level=1.0),
    "streamed wav": lambda: riff_size(2**32 - 1),
    "wav of no size": lambda: riff_size(0),
    "wav data of no size": data_size(0),
    "wav data of 4 GB": data_size(2**32 - 1),
    "wav frames of no bytes": head(12, "<H", 0),
    "garbage before mp3": lambda: junk(3000) + mp3(),
    "garbage within mp3": lambda: mp3()[:10_000] + junk(2000) + mp3()[10_000:],
}
NO_RECORDINGS: dict[str, tuple[Make, Told]] = {
    "wav, cut off": (part(wav, 0.5), MediaError),
    "opus, cut off": (part(RECORDINGS["opus"], 0.6), MediaError),
    "mp3, cut off": (part(mp3, 0.5), MediaError),
    "alac, cut off": (part(RECORDINGS["alac"], 0.5), MediaError),
    "no channels": (head(2, "<H", 0), MediaError),
    "65,535 channels": (head(2, "<H", 65_535), MediaError),
    "no rate": (head(4, "<I", 0), MediaError),
    "a rate of 2 GHz": (head(4, "<I", 2**31 - 1), MediaTooComplex),
    "a rate of 1 Hz": (head(4, "<I", 1), MediaTooLong),
    "no bits": (head(14, "<H", 0), MediaError),
    "77 bits": (head(14, "<H", 77), MediaError),
    "an unknown codec": (head(0, "<H", 0x1234), MediaError),
    "mp3 of garbage": (lambda: b"\xff\xfb\x90\x64" + junk(50_000), MediaError),
    "garbage behind mp3": (lambda: mp3() + junk(60_000), MediaError),
    "an endless tag": (lambda: b"ID3\4\0\0\x7f\x7f\x7f\x7f" + junk(5000), MediaError),
    "long, and nobody says so": (of_unknown_length, MediaTooLong),
    "pictures alone": (film, NoSound),
    "subtitles": (lambda: subtitles("matroska", "subrip"), NoSound),
}


def refused(take: Callable[[], object]) -> Told:
    start = time.monotonic()
    with pytest.raises(MediaError) as caught:
        take()
    assert time.monotonic() - start < 10  # under 5 on a machine that has nothing else to do
    return type(caught.value)


def film_of(data: bytes) -> tuple[VideoFacts, int]:
    footage, *pictures = frames(Medium.of(data, "video"), SETTINGS)
    assert isinstance(footage, VideoFacts)
    return footage, len(pictures)


def sound_of(data: bytes) -> Sound:
    return sound(Medium.of(data, "audio"), SETTINGS)


@pytest.mark.parametrize("name", FILMS)
def test_odd_films_are_decoded(name: str) -> None:
    footage, count = film_of(FILMS[name]())
    assert count
    assert footage.seconds > 0
    assert footage.fps <= 1000


@pytest.mark.parametrize("name", NO_FILMS)
def test_what_is_wrong_with_a_film_is_named(name: str) -> None:
    make, told = NO_FILMS[name]
    data = make()
    assert refused(lambda: film_of(data)) is told


@pytest.mark.parametrize("name", RECORDINGS)
def test_odd_recordings_are_decoded(name: str) -> None:
    found = sound_of(RECORDINGS[name]())
    assert found.facts.seconds >= 1
    assert bool(np.abs(found.samples).max() > 0.2) is (name != "silence")


@pytest.mark.parametrize("name", NO_RECORDINGS)
def test_what_is_wrong_with_a_recording_is_named(name: str) -> None:
    make, told = NO_RECORDINGS[name]
    data = make()
    assert refused(lambda: sound_of(data)) is told


@pytest.mark.parametrize("turned", [0, 90, 180, 270])
def test_every_rotation(turned: int) -> None:
    """Dark above and bright below, as it was filmed; shown as the display matrix says."""
    cosine, sine = ({0: 1, 180: -1}.get(turned, 0), {90: 1, 270: -1}.get(turned, 0))
    matrix = (cosine, sine, 0, -sine, cosine, 0, 0, 0)
    still = clips.video([SHOWN[0]] * 10)
    at = still.index(b"tkhd") + 44
    packed = struct.pack(">9i", *(65_536 * one for one in matrix), 2**30)
    film = still[:at] + packed + still[at + 36 :]
    footage, *pictures = frames(Medium.of(film, "video"), SETTINGS)
    assert isinstance(footage, VideoFacts)
    pixels = pictures[0].pixels  # type: ignore[union-attr]
    assert footage.rotation == turned
    assert pixels.shape[:2] == ((120, 160) if turned % 180 == 0 else (160, 120))
    # What was above lies right, below and left of there.
    sides = {0: pixels[:30], 90: pixels[:, -30:], 180: pixels[-30:], 270: pixels[:, :30]}
    assert min(sides, key=lambda one: sides[one].mean()) == turned
