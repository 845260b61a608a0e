"""Frames of real clips in every listed container, and hostile files, each with its named reason."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import pytest

from service.errors import MediaError, MediaTooComplex, MediaTooLarge, MediaTooLong, NoPictures
from service.media import decoding, high_range
from service.media.decoder.plan import Packet, plan
from service.media.facts import VideoFacts
from service.media.kinds import kind_of
from service.media.medium import Medium
from service.media.video import Picture, frames
from service.settings import Settings
from tests import clips

SETTINGS = Settings(max_seconds=60)
SETTINGS_LONG = Settings(max_seconds=200)


def looked_at(data: bytes, settings: Settings = SETTINGS) -> tuple[VideoFacts, list[Picture]]:
    footage, *pictures = frames(Medium.of(data, "video"), settings)
    assert isinstance(footage, VideoFacts)
    return footage, [one for one in pictures if isinstance(one, Picture)]


def refused(data: bytes, settings: Settings = SETTINGS) -> type[MediaError]:
    start = time.monotonic()
    with pytest.raises(MediaError) as caught:
        looked_at(data, settings)
    assert time.monotonic() - start < 10  # under 5 on a machine that has nothing else to do
    return type(caught.value)


@pytest.mark.parametrize("form", sorted(clips.CODECS))
def test_every_container(form: str) -> None:
    data = clips.video(clips.plain(20), form, sound=1.0)
    footage, pictures = looked_at(data)
    assert kind_of(data) == "video"
    assert (footage.width, footage.height, footage.has_audio) == (160, 120, True)
    assert footage.seconds == pytest.approx(2.0, abs=0.15)
    assert len(pictures) >= 8
    assert pictures[0].pixels.shape == (120, 160, 3)
    assert pictures[0].pixels.mean() == pytest.approx(clips.plain(1)[0].mean(), abs=12)


@pytest.mark.parametrize("codec", ["libx264", "libx265", "libsvtav1", "mpeg4"])
def test_codecs_of_mp4(codec: str) -> None:
    footage, pictures = looked_at(clips.video(clips.plain(10), codec=codec))
    assert footage.frames == 10
    assert [one.time for one in pictures] == sorted({one.time for one in pictures})


@pytest.mark.parametrize(
    ("form", "codec", "pixels"),
    [("mov", "qtrle", "argb"), ("mov", "png", "rgba"), ("matroska", "libvpx-vp9", "yuva420p")],
)
def test_alpha(form: str, codec: str, pixels: str) -> None:
    _, pictures = looked_at(clips.video(clips.plain(10), form, codec=codec, pixels=pixels))
    assert pictures[0].pixels.shape == (120, 160, 3)


def test_rotation_metadata() -> None:
    still = [clips.plain(1)[0]] * 10  # dark above, bright below
    footage, (first, *_) = looked_at(clips.video(still, rotation=True))
    assert (footage.width, footage.height, footage.rotation) == (120, 160, 90)
    assert first.pixels.shape == (160, 120, 3)
    assert first.pixels[:, :50].mean() > first.pixels[:, -50:].mean() + 30


def test_variable_rate() -> None:
    times = [0, 0.1, 0.2, 1.5, 1.6, 1.61, 1.62, 3, 5, 5.5]
    _, pictures = looked_at(clips.video(clips.plain(10), times=times))
    assert {one.time for one in pictures} <= set(times)
    assert len(pictures) >= 5


@pytest.mark.parametrize(("transfer", "name"), [(16, "pq"), (18, "hlg")])
def test_high_dynamic_range(transfer: int, name: str) -> None:
    colours = {"color_trc": transfer, "color_primaries": 9, "colorspace": 9, "color_range": 1}
    data = clips.video(
        clips.plain(10), codec="libx265", pixels="yuv420p10le", colours=colours, options={}
    )
    _, pictures = looked_at(data)
    assert pictures[0].pixels.dtype == np.uint8


def test_white_of_a_bright_display_is_white() -> None:
    white = {"pq": 148, "hlg": 191}  # code values (8 bit) of 203 candela a square metre
    for transfer, code in white.items():
        grey = np.full((1, 1, 3), code, np.uint8)
        assert high_range.to_standard(grey, transfer).min() >= 244  # type: ignore[arg-type]
        assert high_range.to_standard(grey // 2, transfer).max() < 160  # type: ignore[arg-type]


def test_more_frames_after_a_change_of_scene() -> None:
    still = [np.full((120, 160, 3), 40, np.uint8)] * 40
    cut = [*still[:17], *[np.full((120, 160, 3), 200, np.uint8)] * 23]
    before, after = (looked_at(clips.video(f, rate=20))[1] for f in (still, cut))
    assert len(after) == len(before) + 3
    extra = {one.time for one in after} - {one.time for one in before}
    assert all(0.84 < time < 1.5 for time in extra)


def test_a_long_video_is_looked_at_by_its_key_frames() -> None:
    shown = clips.plain(240)
    footage, pictures = looked_at(
        clips.video(shown, rate=2, options={"g": "10", "sc_threshold": "0"}), SETTINGS_LONG
    )
    assert footage.seconds == pytest.approx(120, abs=1)
    assert 20 <= len(pictures) <= 32
    assert all(round(one.time * 2) % 10 == 0 for one in pictures)


def test_few_key_frames_of_a_long_video() -> None:
    seen = [Packet(i / 25, i % 1500 == 0) for i in range(25 * 300)]
    todo = plan(seen, 300, 32)
    assert len(todo.targets) == 25
    assert sum(todo.fed) <= 5 * 65


TRUNCATED = {
    "mp4": lambda: clips.video(clips.plain(30)),
    "start": lambda: clips.video(clips.plain(30), muxer={"movflags": "faststart"}),
    "matroska": lambda: clips.video(clips.plain(30), "matroska", codec="libx264"),
    "avi": lambda: clips.video(clips.plain(30), "avi"),
}


@pytest.mark.parametrize("share", [0.1, 0.6])
@pytest.mark.parametrize("name", sorted(TRUNCATED))
def test_truncated(name: str, share: float) -> None:
    data = TRUNCATED[name]()
    assert refused(data[: int(len(data) * share)]) in (MediaError, NoPictures)


PLAYLISTS = {
    "hls": b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
    "concat": b"ffconcat version 1.0\nfile '/etc/passwd'\n",
    "subtitles": b"1\n00:00:00,000 --> 00:00:05,000\nhello\n\n" * 50,
    "empty": b"",
    "garbage": b"\0\0\0\x20ftypisom" + bytes(range(256)) * 400,
}


@pytest.mark.parametrize("name", sorted(PLAYLISTS))
def test_what_is_no_video(name: str) -> None:
    assert refused(PLAYLISTS[name]) is MediaError


def test_sound_alone() -> None:
    assert refused(clips.recording("ipod")) is NoPictures


def test_too_long() -> None:
    data = clips.video(clips.plain(40), rate=1)
    assert refused(data, Settings(max_seconds=10)) is MediaTooLong


def test_too_long_though_the_header_is_silent() -> None:
    live = clips.video(clips.plain(40), "matroska", codec="mpeg4", rate=1, muxer={"live": "1"})
    assert refused(live, Settings(max_seconds=10)) is MediaTooLong


@pytest.mark.slow
def test_8k() -> None:
    data = clips.video(clips.plain(2, (7680, 4320)), "mov", codec="mjpeg", pixels="yuvj420p")
    assert refused(data) is MediaTooLarge


def test_larger_than_the_header_says() -> None:
    data = clips.video(clips.plain(5), "mov", codec="png", pixels="rgb24")
    at = data.index(b"png ") + 28  # of the sample description
    assert data[at : at + 4] == bytes([0, 160, 0, 120])
    lying = data[:at] + bytes([0, 16, 0, 12]) + data[at + 4 :]
    assert refused(lying, Settings(max_frame_pixels=1000)) in (MediaTooLarge, MediaError)


def test_random_damage_ends_in_frames_or_a_named_reason() -> None:
    data = clips.video(clips.plain(30), "matroska", codec="libx264")
    random = np.random.default_rng(0)
    for _ in range(6):
        broken = bytearray(data)
        for place in random.integers(200, len(data), 40):
            broken[place] = random.integers(256)
        with suppress(MediaError):
            assert looked_at(bytes(broken))[1]


def test_a_killed_decoder() -> None:
    heard = frames(Medium.of(clips.video(clips.faces(60)), "video"), SETTINGS)
    next(heard)
    next(heard)
    (child,) = _decoders()
    child.send_signal(signal.SIGKILL)
    with pytest.raises(MediaTooComplex):
        list(heard)


def test_who_stops_listening_leaves_no_decoder() -> None:
    heard = frames(Medium.of(clips.video(clips.faces(60)), "video"), SETTINGS)
    next(heard)
    heard.close()
    assert not _decoders()


def test_a_silent_decoder_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "PROGRAM", ("-c", "import time; time.sleep(60)"))
    monkeypatch.setattr(decoding, "SILENCE", 0.5)
    assert refused(b"x") is MediaTooComplex
    assert not _decoders()


CONFINED = "from service.media.decoder.limits import confine; confine(100 * 2**20); "


@pytest.mark.slow
@pytest.mark.parametrize(
    ("work", "code"),
    [
        ("exec('while True: pass')", -signal.SIGXCPU),
        ("bytearray(300 * 2**20)", 1),
        ("import os; os.write(os.open('x', os.O_CREAT | os.O_WRONLY), b'x')", 1),
        ("import time; exec('while time.process_time() < 1: pass')", 0),
    ],
    ids=["cpu", "memory", "files", "within"],
)
def test_limits_of_the_decoder(tmp_path: Path, work: str, code: int) -> None:
    done = subprocess.run(  # noqa: PLW1510
        [sys.executable, "-c", CONFINED + work],
        env={"PYTHONPATH": str(decoding.ROOT)},
        cwd=tmp_path,
        capture_output=True,
        timeout=150,
    )
    assert done.returncode in (code, -signal.SIGXFSZ if "write" in work else code)


def test_from_a_file_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    noise = np.random.default_rng(0).integers(0, 255, (20, 240, 320, 3)).astype(np.uint8)
    path.write_bytes(clips.video(noise, options={"crf": "1"}))
    assert path.stat().st_size > 2**20
    with path.open("rb") as file:
        medium = Medium.receive(file, 2**24, path.name)
    assert medium.kind == "video"
    for _ in range(2):
        assert len(list(frames(medium, SETTINGS))) > 8


def _decoders() -> list[psutil.Process]:
    """Those that run; other tests may have left a dead child, which tells no command line."""
    children = psutil.Process(os.getpid()).children()
    alive = [one for one in children if one.status() != psutil.STATUS_ZOMBIE]
    return [one for one in alive if "service.media.decoder" in " ".join(one.cmdline())]
