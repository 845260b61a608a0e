"""Speech is found where somebody speaks, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from service.analysis.voice.speech import RATE, SpeechDetector
from service.errors import StartupError
from service.settings import PACKAGE
from tests.voices import copy_speech_detector, spoken


@pytest.fixture(scope="module")
def detector() -> SpeechDetector:
    return SpeechDetector(PACKAGE / "models")


def test_speech_between_silences(detector: SpeechDetector) -> None:
    silence = np.zeros(2 * RATE, np.float32)
    speech = detector.find(np.concatenate([silence, spoken(4.0), silence]))
    first, last = speech.stretches[0][0] / RATE, speech.stretches[-1][1] / RATE
    assert 1.8 < first < 2.5
    assert 5.5 < last < 6.2
    assert 3.0 < speech.seconds < 4.2


@pytest.mark.parametrize("kind", ["silence", "noise", "tone", "nothing"])
def test_no_speech(detector: SpeechDetector, kind: str) -> None:
    time = np.arange(4 * RATE) / RATE
    sounds = {
        "silence": np.zeros(4 * RATE),
        "noise": np.random.default_rng(0).normal(0, 0.1, 4 * RATE),
        "tone": 0.3 * np.sin(2 * np.pi * 440 * time),
        "nothing": np.zeros(0),
    }
    assert detector.find(sounds[kind].astype(np.float32)).stretches == ()


def test_blocks_do_not_change_what_is_found(
    detector: SpeechDetector, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = spoken()
    whole = detector.find(sound).probabilities
    monkeypatch.setattr("service.analysis.voice.speech.BLOCK", 16)
    assert np.abs(detector.find(sound).probabilities - whole).max() < 1e-4


def test_the_end_is_inside_the_sound(detector: SpeechDetector) -> None:
    sound = spoken(3.21)
    assert detector.find(sound).stretches[-1][1] <= len(sound)


def test_a_damaged_model(tmp_path: Path) -> None:
    copy_speech_detector(tmp_path)
    (tmp_path / "silero-vad" / "model.onnx").write_bytes(b"no model")
    with pytest.raises(StartupError, match="silero-vad is damaged"):
        SpeechDetector(tmp_path)
