"""Which track is judged, and what counts as all of it: late, trimmed and mirrored films."""

from __future__ import annotations

import io
import struct
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import av
import pytest
from av.stream import Disposition

from service.errors import MediaError, MediaTooLong, SeveralTracks
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
        with av.open(io.BytesIO(film())) as source:
            track: Any = source.streams.video[0]
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


def test_slow_motion() -> None:
    slow = clips.video(clips.plain(960), rate=240, options={"g": "240"})
    footage = film_of(slow, Settings(max_seconds=4))
    assert (footage.frames, round(footage.fps)) == (960, 240)
