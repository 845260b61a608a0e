"""Recordings through every HTTP contract of a running service."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from service.api.v1 import schemas
from tests import clips
from tests.analysis.test_audio import recording
from tests.conftest import GENUINE
from tests.live import Live
from tests.media.test_hostile_media import Make
from tests.voices import RATE, SPOKEN, spoken

SPEECH = SPOKEN.read_bytes()
FILES: dict[str, Make] = {
    "wav": lambda: recording(spoken()),
    "mp3": lambda: recording(spoken(), "mp3", "libmp3lame", 44100),
    "m4a": lambda: recording(spoken(), "ipod", "aac", 44100),
    "ogg": lambda: recording(spoken(), "ogg", "libopus", 48000),
    "flac": lambda: SPEECH,
}
HOSTILE: dict[str, tuple[Make, int, str]] = {
    "silence": (lambda: recording(np.zeros(3 * RATE, np.float32)), 422, "NO_SPEECH"),
    "a word": (lambda: recording(np.pad(spoken(0.7), RATE)), 422, "SPEECH_TOO_SHORT"),
    "garbage": (lambda: b"RIFF\x24\0\0\0WAVE" + bytes(range(256)) * 20, 400, "INVALID_MEDIA"),
    "cut off": (lambda: SPEECH[:200], 400, "INVALID_MEDIA"),
}


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Voices decide, so that a video's sound can."""
    with Live(tmp_path_factory.mktemp("voices"), probability=GENUINE, voice="decide") as service:
        yield service


def analyze(live: Live, data: bytes, name: str) -> Any:
    key = {"X-Hash-Id": live.hash_id}
    return live.post("/v1/analyze", files={"media": (name, data)}, headers=key)


@pytest.mark.parametrize("form", FILES)
def test_analyze(live: Live, form: str) -> None:
    answer = analyze(live, FILES[form](), f"call.{form}")
    assert answer.status_code == 200
    schemas.RecordingAnswer.model_validate_json(answer.content, extra="forbid")
    body = answer.json()
    assert body["kind"] == "audio"
    assert body["decision"] in ("bona_fide", "deepfake")
    (finding,) = body["findings"]
    assert (finding["task"], finding["advisory"]) == ("voice_spoof", False)
    assert body["windows"][0]["probability"] > 0
    assert 4 < body["speech_seconds"] < 6


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile(live: Live, name: str) -> None:
    make, status, code = HOSTILE[name]
    answer = analyze(live, make(), "call.wav")
    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize("form", ["aiff", "au", "caf", "mpegts"])
def test_sound_that_is_not_read_is_no_broken_image(live: Live, form: str) -> None:
    codec = "mp2" if form == "mpegts" else "pcm_s16be"
    answer = analyze(live, recording(spoken(), form, codec), f"call.{form}")
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_MEDIA")


def test_gateway(live: Live) -> None:
    body = {"media_type": "audio", "audio_data": base64.b64encode(SPEECH).decode()}
    answer = live.post("/predict", json=body, headers={"X-Hash-Id": live.hash_id})
    assert answer.status_code == 200
    assert answer.json()["model_results"].keys() == {"voice"}


def test_a_video_has_two_findings(live: Live) -> None:
    body = analyze(live, clips.video(clips.faces(12), sound=1.0), "film.mp4").json()
    assert [one["task"] for one in body["findings"]] == ["deepfake"]  # a tone is no voice


def test_it_is_kept_and_recalled(live: Live) -> None:
    first = analyze(live, SPEECH, "call.flac").json()
    again = analyze(live, SPEECH, "call.flac").json()
    assert again["cached"]
    answer = live.get(f"/v1/results/{first['id']}", headers={"X-Hash-Id": live.hash_id})
    assert answer.json()["score"] == first["score"]


def test_the_card_tells_of_voices(live: Live) -> None:
    card = live.get("/v1/model-card").json()["voice"]
    assert [one["name"] for one in card["detectors"]] == ["voice"]
    assert (card["advisory"], card["speech_detector"]["name"]) == (False, "silero-vad")
    assert card["detectors"][0]["metrics"]["pooled"]["genuine"] > 200
