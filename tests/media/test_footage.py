"""Which track is judged, and what counts as all of it: late, trimmed and mirrored films."""

from __future__ import annotations

import io
import struct
import tempfile
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.stream import Disposition
from PIL import Image

from service.errors import MediaError, MediaTooLong, SeveralTracks
from service.media.decoder.plan import Packet, plan
from service.media.facts import VideoFacts
from service.media.medium import Medium
from service.media.video import frames
from service.settings import Settings
from tests import clips

SETTINGS = Settings(max_seconds=20)
Make = Callable[[], bytes]


def film_of(data: bytes, settings: Settings = SETTINGS) -> VideoFacts:
    footage, *pictures = frames(Medium.of(data, "video"), settings)
    assert isinstance(footage, VideoFacts)
    assert len(pictures) >= 8
    return footage


def told_of(data: bytes) -> type[MediaError]:
    with pytest.raises(MediaError) as caught:
        film_of(data)
    return type(caught.value)


def muxed(form: str, fill: Callable[[Any], object], **options: str) -> bytes:
    with tempfile.NamedTemporaryFile() as file:
        with av.open(file.name, "w", format=form, options=options) as out:
            fill(out)
        return Path(file.name).read_bytes()


@cache
def film(count: int = 30) -> bytes:
    return clips.video(clips.plain(count))


def moved(form: str, seconds: float = 0, last: float = 0.1, **options: str) -> bytes:
    """The film, which begins so late and whose last frame lasts so long."""

    def fill(out: Any) -> None:
        source: Any = av.open(io.BytesIO(film()))
        with source:
            track = source.streams.video[0]
            copy = out.add_stream_from_template(track)
            found = [one for one in source.demux(track) if one.size]
            max(found, key=lambda one: one.pts).duration = round(last / track.time_base)
            for one in found:
                one.pts += round(seconds / track.time_base)
                one.dts += round(seconds / track.time_base)
                one.stream = copy
                out.mux(one)

    return muxed(form, fill, **options)


def trimmed(begin: float, length: float, count: int = 60, **muxer: str) -> bytes:
    """Six seconds, of which the edit list shows some."""
    data = clips.video(clips.plain(count), options={"g": "60"}, muxer=muxer)
    (ticks,) = struct.unpack_from(">I", data, data.index(b"mdhd") + 16)
    (units,) = struct.unpack_from(">I", data, data.index(b"mvhd") + 16)
    at = data.index(b"elst") + 12
    (delay,) = struct.unpack_from(">i", data, at + 4)
    edit = struct.pack(">Ii", round(length * units), delay + round(begin * ticks))
    return data[:at] + edit + data[at + 8 :]


def tracks(form: str, *marks: int) -> bytes:
    """A film of so many tracks, each with its disposition."""

    def fill(out: Any) -> None:
        made = []
        for mark in marks:
            stream = out.add_stream("libx264", rate=10)
            stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
            stream.disposition = Disposition(mark)
            made.append(stream)
        for stream in made:
            for one in clips.plain(20):
                out.mux(stream.encode(av.VideoFrame.from_ndarray(one, format="rgb24")))
            out.mux(stream.encode(None))

    return muxed(form, fill)


def hidden() -> bytes:
    """The first track is switched off, the second one is on."""
    data = bytearray(tracks("mp4", 0, 1))
    first = data.index(b"tkhd")
    second = data.index(b"tkhd", first + 4)
    data[first + 7] &= 0xFE
    data[second + 7] |= 1
    return bytes(data)


def unknown() -> bytes:
    """The depths of a telephone's film are a track of a codec that no player knows."""
    data = tracks("mp4", 1, 0)
    first = data.index(b"avc1", data.index(b"moov"))
    second = data.index(b"avc1", first + 4)
    return data[:second] + b"dish" + data[second + 4 :]


def chapters(on: bool) -> bytes:
    """The first track calls the second one the pictures of its chapters."""
    data = bytearray(tracks("mp4", 1, 0))
    moov = data.index(b"moov") - 4
    first = data.index(b"trak", moov) - 4
    (size,) = struct.unpack_from(">I", data, first)
    data[data.index(b"tkhd", first + size) + 7] = 3 if on else 2
    named = struct.pack(">I4sI4sI", 20, b"tref", 12, b"chap", 2)
    for at in (moov, first):
        struct.pack_into(">I", data, at, struct.unpack_from(">I", data, at)[0] + len(named))
    return bytes(data[: first + size] + named + data[first + size :])


SEVERAL: dict[str, Make] = {
    "the first is hidden": hidden,
    "the second is the default": lambda: tracks("matroska", 0, 1),
    "the first is the default": lambda: tracks("mp4", 1, 0),
    "none is": lambda: tracks("matroska", 0, 0),
}
WHOLE: dict[str, tuple[Make, float]] = {
    "begins late, mp4": (lambda: moved("mp4", 5), 3),
    "begins late, mkv": (lambda: moved("matroska", 5), 3),
    "begins an hour late, mkv": (lambda: moved("matroska", 3600), 3),
    "begins an hour late, fragments": (
        lambda: moved("mp4", 3600, movflags="frag_keyframe+empty_moov"),
        3,
    ),
    "the last frame lasts": (lambda: moved("mp4", last=2), 3),
    "sound goes on, webm": (lambda: clips.video(clips.plain(30), "webm", sound=8), 3),
    "sound goes on, mp4": (lambda: clips.video(clips.plain(30), sound=8), 3),
    "trimmed within": (lambda: trimmed(2, 2), 2),
    "trimmed at its end": (lambda: trimmed(0, 4), 4),
    "trimmed at its start": (lambda: trimmed(1.5, 4.5), 4.5),
}


def cut(make: Make, share: float) -> Make:
    return lambda: make()[: int(len(make()) * share)]


CUT_OFF: dict[str, Make] = {
    "begins late": cut(lambda: moved("matroska", 5), 0.6),
    "begins an hour late": cut(lambda: moved("matroska", 3600), 0.6),
    "the last frame lasts": cut(lambda: moved("mp4", last=2, movflags="faststart"), 0.6),
    "sound goes on": cut(lambda: clips.video(clips.plain(30), "webm", sound=8), 0.6),
    "trimmed": cut(lambda: trimmed(0, 4, movflags="faststart"), 0.5),
}


@pytest.mark.parametrize("name", SEVERAL)
def test_no_track_hides_another(name: str) -> None:
    assert told_of(SEVERAL[name]()) is SeveralTracks


def test_what_no_player_shows_is_no_track() -> None:
    assert film_of(unknown()).frames == 20


@pytest.mark.parametrize("on", [False, True], ids=["off", "on"])
def test_pictures_of_chapters_are_a_track_where_they_are_switched_on(on: bool) -> None:
    if on:
        assert told_of(chapters(on)) is SeveralTracks
    else:
        assert film_of(chapters(on)).frames == 20


@pytest.mark.parametrize("name", WHOLE)
def test_all_of_it_is_there(name: str) -> None:
    make, seconds = WHOLE[name]
    footage = film_of(make())
    assert footage.seconds == pytest.approx(seconds, abs=0.15)
    assert footage.frames == round(seconds * 10)


@pytest.mark.parametrize("name", CUT_OFF)
def test_what_is_cut_off_is_still_refused(name: str) -> None:
    assert told_of(CUT_OFF[name]()) is MediaError


def test_a_late_film_may_still_be_too_long() -> None:
    long = clips.video(clips.plain(30), "matroska", codec="libx264", rate=1)
    assert told_of(long) is MediaTooLong


@pytest.mark.parametrize(
    ("matrix", "rotation", "dark"),
    [
        ((-1, 0, 0, 1), 0, "right above"),
        ((1, 0, 0, -1), 180, "left below"),
        ((0, 1, 1, 0), 270, "left above"),
        ((0, -1, -1, 0), 90, "right below"),
        ((0, 1, -1, 0), 90, "right above"),
    ],
)
def test_mirrors(matrix: tuple[int, int, int, int], rotation: int, dark: str) -> None:
    """Of a frame that is dark left above, shown as the display matrix says."""
    still = np.full((120, 160, 3), 200, np.uint8)
    still[:60, :80] = 20
    a, b, c, d = (65_536 * one for one in matrix)
    data = clips.video([still] * 10)
    at = data.index(b"tkhd") + 44
    packed = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 2**30)
    footage, first, *_ = frames(Medium.of(data[:at] + packed + data[at + 36 :]), SETTINGS)
    assert isinstance(footage, VideoFacts)
    assert footage.rotation == rotation
    shown = first.pixels  # type: ignore[union-attr]
    height, width = shown.shape[0] // 2, shown.shape[1] // 2
    corners = {
        "left above": shown[:height, :width],
        "right above": shown[:height, width:],
        "left below": shown[height:, :width],
        "right below": shown[height:, width:],
    }
    assert min(corners, key=lambda one: corners[one].mean()) == dark


def test_frames_that_carry_what_is_not_known_here() -> None:
    """EXIF within PNG, which comes from FFmpeg, but not from PyAV."""
    exif = Image.Exif()
    exif[0x0112] = 1
    file = io.BytesIO()
    Image.fromarray(clips.plain(1)[0]).save(file, "PNG", exif=exif)

    def fill(out: Any) -> None:
        stream = out.add_stream("png", rate=10)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "rgb24"
        for number in range(20):
            packet = av.Packet(file.getvalue())
            packet.stream, packet.time_base = stream, Fraction(1, 10)
            packet.pts = packet.dts = number
            packet.duration, packet.is_keyframe = 1, True
            out.mux(packet)

    assert film_of(muxed("mov", fill)).frames == 20


def test_slow_motion() -> None:
    slow = clips.video(clips.plain(960), rate=240, options={"g": "240"})
    footage = film_of(slow, Settings(max_seconds=4))
    assert (footage.frames, round(footage.fps)) == (960, 240)


def test_many_large_frames_are_looked_at_by_their_key_frames() -> None:
    seen = [Packet(i / 60, i % 60 == 0) for i in range(60 * 20)]
    assert plan(seen, 20, 32, 1920 * 1080).skip == "NONREF"
    todo = plan(seen, 20, 32, 3840 * 2160)
    assert (todo.skip, sum(todo.fed)) == ("NONKEY", len(todo.targets))
    assert 8 <= len(todo.targets) <= 20


def test_few_key_frames_of_many_large_frames() -> None:
    seen = [Packet(i / 60, i % 600 == 0) for i in range(60 * 20)]
    assert len(plan(seen, 20, 32, 3840 * 2160).targets) == 24


def test_no_frame_is_aimed_at_that_is_not_shown() -> None:
    seen = [Packet(i - 5, i % 10 == 0, i >= 5) for i in range(200)]
    todo = plan(seen, 195, 32)
    assert min(todo.targets) >= 0
