"""The sound of real recordings in every listed format, of videos, and of hostile files."""

from __future__ import annotations

import io
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.stream import Disposition

from service.errors import MediaError, MediaTooLong, NoSound
from service.media.audio import RATE, Sound, sound
from service.media.kinds import kind_of
from service.media.medium import Medium
from service.settings import Settings
from tests import clips

SETTINGS = Settings(max_seconds=60)
FRONT = {"mp4": {"movflags": "faststart"}}  # the head first, so that a cut-off file has it


def heard(data: bytes, settings: Settings = SETTINGS) -> Sound:
    return sound(Medium.of(data, "audio"), settings)


def loudest(found: Sound) -> float:
    """Frequency in Hz."""
    spectrum = np.abs(np.fft.rfft(found.samples))
    return float(spectrum.argmax() * RATE / len(found.samples))


@pytest.mark.parametrize("form", sorted(clips.SOUNDS))
def test_every_format(form: str) -> None:
    data = clips.recording(form)
    found = heard(data)
    assert kind_of(data) == "audio"
    assert (found.facts.sample_rate, found.facts.channels) == (48_000, 1)
    assert found.samples.dtype == np.float32
    assert found.facts.seconds == pytest.approx(1.0, abs=0.05)
    assert len(found.samples) == pytest.approx(found.facts.seconds * RATE, abs=16)
    assert loudest(found) == pytest.approx(440, abs=3)
    assert 0.3 < np.abs(found.samples[4000:12000]).max() < 0.5


@pytest.mark.parametrize("form", sorted(clips.CODECS))
def test_the_sound_of_a_video(form: str) -> None:
    found = heard(clips.video(clips.plain(10), form, sound=1.0))
    assert loudest(found) == pytest.approx(440, abs=3)


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 96_000])
def test_sample_rates(rate: int) -> None:
    assert loudest(heard(clips.recording(rate=rate))) == pytest.approx(440, abs=3)


@pytest.mark.parametrize("form", ["ipod", "mov", "matroska"])
@pytest.mark.parametrize(("on", "hz"), [("10", 440), ("01", 880), ("11", 440), ("00", 440)])
def test_of_several_tracks_the_one_that_players_play(form: str, on: str, hz: int) -> None:
    """A second track that is on counts, not a first one that nobody hears."""
    assert loudest(heard(two_tracks(form, on))) == pytest.approx(hz, abs=3)


def two_tracks(form: str, on: str) -> bytes:
    """A track of 440 Hz and one of 880 Hz; `on`: 1 for each that is on by default."""
    with tempfile.NamedTemporaryFile() as file:
        with av.open(file.name, "w", format=form) as out:
            tracks = [out.add_stream("aac", rate=16_000, layout="mono") for _ in on]
            for track, flag in zip(tracks, on, strict=True):
                track.disposition = Disposition(int(flag))
            for track, hz in zip(tracks, (440, 880), strict=True):
                put(out, track, tone(hz))
        return Path(file.name).read_bytes()


BLIND: dict[str, tuple[str, dict[str, str], dict[str, str]]] = {
    "adts": ("aac", {}, {}),
    "mp3": (
        "libmp3lame",
        {"flags": "+qscale", "global_quality": "236"},  # of a variable bit rate
        {"write_xing": "0", "id3v2_version": "0"},
    ),
}


@pytest.mark.parametrize("form", BLIND)
@pytest.mark.parametrize("limit", [60, 20])
def test_a_guess_from_the_bit_rate_is_no_promise(form: str, limit: int) -> None:
    """A quiet beginning takes few bytes, so FFmpeg guesses that the rest is long."""
    wave = np.concatenate([np.zeros(8 * RATE), tone(440, 8)])
    found = heard(of_sound(form, wave), Settings(max_seconds=limit))
    assert found.facts.seconds == pytest.approx(16, abs=0.1)


@pytest.mark.parametrize("form", BLIND)
def test_a_long_recording_that_tells_no_length(form: str) -> None:
    with pytest.raises(MediaTooLong):
        heard(of_sound(form, tone(440, 5)), Settings(max_seconds=3))


def of_sound(form: str, wave: np.ndarray) -> bytes:
    codec, options, muxer = BLIND[form]
    file = io.BytesIO()
    with av.open(file, "w", format=form, options=muxer) as out:
        put(out, out.add_stream(codec, rate=44_100, layout="mono", options=options), wave)
    return file.getvalue()


@pytest.mark.parametrize("form", ["webm", "ogg", "mp4"])
def test_silence_without_packets(form: str) -> None:
    """Telephony and browsers send next to nothing while nobody speaks (DTX)."""
    found = heard(of_packets(form, lambda time: not 3 < time < 9))
    assert found.facts.seconds == pytest.approx(6, abs=0.2)
    assert loudest(found) == pytest.approx(440, abs=3)


@pytest.mark.parametrize("form", ["webm", "ogg", "mp4"])
def test_silence_without_packets_that_is_cut_off(form: str) -> None:
    data = of_packets(form, lambda time: not 3 < time < 9)
    with pytest.raises(MediaError):
        heard(data[: int(0.4 * len(data))])


@pytest.mark.parametrize("form", ["webm", "mp4"])
def test_sound_that_begins_late(form: str) -> None:
    assert heard(of_packets(form, lambda time: time > 5)).facts.seconds == pytest.approx(7, abs=0.2)


def of_packets(form: str, kept: Callable[[float], bool]) -> bytes:
    """Twelve seconds of Opus, but for the packets that are left out."""
    with (
        tempfile.NamedTemporaryFile() as file,
        av.open(io.BytesIO(clips.recording("ogg", seconds=12))) as source,
        av.open(file.name, "w", format=form, options=FRONT.get(form, {})) as out,
    ):
        stream = out.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(audio=0):
            if packet.size and kept(float(packet.pts * packet.time_base)):
                packet.stream = stream
                out.mux(packet)
        out.close()
        return Path(file.name).read_bytes()


def tone(hz: int, seconds: float = 2.0, rate: int = RATE) -> np.ndarray:
    return np.asarray(0.4 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate))


def put(out: Any, stream: Any, wave: np.ndarray) -> None:
    """Encode 16 kHz sound; two rows are two channels."""
    rows = np.atleast_2d(np.clip(wave, -1, 1) * 32767).astype(np.int16)
    packed = np.ascontiguousarray(rows.T).reshape(1, -1)
    frame = av.AudioFrame.from_ndarray(packed, "s16", layout=clips.LAYOUTS[len(rows)])
    frame.sample_rate = RATE
    codec = stream.codec_context
    turn = av.AudioResampler(codec.format.name, codec.layout.name, codec.sample_rate)
    for part in [*turn.resample(frame), *turn.resample(None), None]:
        out.mux(stream.encode(part))


def test_two_channels_become_one() -> None:
    found = heard(clips.recording(channels=2))
    assert (found.facts.channels, found.samples.ndim) == (2, 1)
    assert np.abs(found.samples).max() == pytest.approx(0.4, abs=0.03)


@pytest.mark.parametrize("codec", ["pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_f32le", "libopus"])
@pytest.mark.parametrize(("left", "right"), [(1, -1), (-0.9, 1), (1, -0.8)])
def test_an_inverted_channel_silences_nothing(codec: str, left: float, right: float) -> None:
    """The mixture would be silence; the louder channel is heard."""
    wave = tone(440)
    found = heard(of_channels(codec, np.stack([left * wave, right * wave])))
    assert (found.facts.channels, found.facts.seconds) == (2, pytest.approx(2.0, abs=0.02))
    assert loudest(found) == pytest.approx(440, abs=3)
    assert np.abs(found.samples).max() == pytest.approx(0.4, abs=0.03)


@pytest.mark.parametrize("channels", [(1, 1), (1, 0), (0, 1), (0.3, 0.9), (1, -0.3), (0, 0)])
def test_ordinary_channels_are_mixed_as_ever(channels: tuple[float, float]) -> None:
    """Bit for bit what FFmpeg's own mixture is: the detectors were calibrated on it."""
    data = of_channels("pcm_s16le", np.stack([one * tone(440) for one in channels]))
    mixer = av.AudioResampler("flt", "mono", RATE)
    with av.open(io.BytesIO(data)) as file:
        frames = [one for frame in file.decode(audio=0) for one in mixer.resample(frame)]
    mixed = np.concatenate([one.to_ndarray()[0] for one in frames])
    assert np.array_equal(heard(data).samples, mixed)


def of_channels(codec: str, wave: np.ndarray) -> bytes:
    file = io.BytesIO()
    rate = 48_000 if codec == "libopus" else RATE
    with av.open(file, "w", format="matroska") as out:
        put(out, out.add_stream(codec, rate=rate, layout="stereo"), wave)
    return file.getvalue()


@pytest.mark.parametrize("share", [0.1, 0.6])
@pytest.mark.parametrize("form", ["wav", "mp3", "flac", "ipod"])
def test_truncated(form: str, share: float) -> None:
    data = clips.recording(form, seconds=5)
    with pytest.raises(MediaError):
        heard(data[: int(len(data) * share)])


@pytest.mark.parametrize("data", [b"", b"ID3" + bytes(5000), b"OggS" * 500, b"#EXTM3U\nx.mp3\n"])
def test_what_is_no_recording(data: bytes) -> None:
    with pytest.raises(MediaError):
        heard(data)


def test_no_sound() -> None:
    with pytest.raises(NoSound):
        heard(clips.video(clips.plain(5)))


@pytest.mark.parametrize("form", ["wav", "adts", "ogg"])
def test_too_long(form: str) -> None:
    with pytest.raises(MediaTooLong):
        heard(clips.recording(form, seconds=5), Settings(max_seconds=3))


def test_ten_hours_by_the_header() -> None:
    data = bytearray(clips.recording("flac"))
    at = data.index(b"fLaC") + 18  # sample rate, channels, bits and, in 36 bits, samples
    (known,) = struct.unpack_from(">Q", data, at)
    struct.pack_into(">Q", data, at, known >> 36 << 36 | 48_000 * 36_000)
    with pytest.raises(MediaTooLong):
        heard(bytes(data))


@pytest.mark.parametrize(
    ("data", "name", "kind"),
    [
        (b"\0\0\0\x1cftypisom", "x.m4a", "audio"),
        (b"\0\0\0\x1cftypM4A ", "x", "audio"),
        (b"\0\0\0\x1cftypisom", "x", "video"),
        (b"\0\0\0\x08wide\0\0", "x", "video"),
        (b"\xff\xfb\x90\x64", "x", "audio"),
        (b"\xff\xf1\x50\x80", "x", "audio"),
        (b"#!AMR\n", "x", "audio"),
        (b"\xff\xd8\xff\xe0", "x.mp3", "image"),
    ],
)
def test_kinds_by_content(data: bytes, name: str, kind: str) -> None:
    assert kind_of(data, name) == kind


def test_tags_in_another_encoding_do_no_harm() -> None:
    """Old taggers write them as Windows does."""
    data = recording_with_title(b"Guard Tux")
    assert heard(data.replace(b"Guard Tux", b"\xca\xf1\xfe\xf8\xe0 Tux")).facts.seconds == 1.0


def recording_with_title(title: bytes) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="flac") as out:
        out.metadata["title"] = title.decode()
        stream = out.add_stream("flac", rate=16000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.int16), "s16", layout="mono")
        frame.sample_rate = 16000
        for part in (frame, None):
            out.mux(stream.encode(part))
    return file.getvalue()
