"""Reasons come from what is measured: speech, background, plateaus."""

from __future__ import annotations

import numpy as np
import pytest

from service.analysis.voice.quality import clipping, reasons, snr
from service.analysis.voice.speech import RATE, SpeechDetector
from service.errors import SENTENCES, Reason
from service.settings import PACKAGE, Settings
from tests.voices import spoken


@pytest.fixture(scope="module")
def detector() -> SpeechDetector:
    return SpeechDetector(PACKAGE / "models")


def found(detector: SpeechDetector, sound: np.ndarray) -> tuple[Reason, ...]:
    return reasons(sound, detector.find(sound), Settings())


def with_noise(ratio: float) -> np.ndarray:
    """Speech so many decibels over white noise, which goes on before and after it."""
    sound = np.pad(spoken(), RATE)
    noise = np.random.default_rng(0).normal(0, 1, len(sound))
    level = np.sqrt(np.mean(spoken() ** 2)) * 10 ** (-ratio / 20)
    return np.asarray(sound + noise * level, np.float32)


def test_a_good_recording(detector: SpeechDetector) -> None:
    assert found(detector, np.pad(spoken(), RATE)) == ()


def test_nobody_speaks(detector: SpeechDetector) -> None:
    assert found(detector, np.zeros(RATE * 3, np.float32)) == (Reason.NO_SPEECH,)


def test_too_little_speech(detector: SpeechDetector) -> None:
    assert found(detector, np.pad(spoken(0.7), RATE)) == (Reason.SPEECH_TOO_SHORT,)


@pytest.mark.parametrize("ratio", [5.0, 15.0, 25.0])
def test_the_ratio_is_that_of_the_mixture(detector: SpeechDetector, ratio: float) -> None:
    sound = with_noise(ratio)
    assert snr(sound, detector.find(sound)) == pytest.approx(ratio, abs=3.0)


def test_too_noisy(detector: SpeechDetector) -> None:
    assert Reason.AUDIO_TOO_NOISY in found(detector, with_noise(0.0))
    assert Reason.AUDIO_TOO_NOISY not in found(detector, with_noise(15.0))


@pytest.mark.parametrize("seconds", [1.5, 2.0, 3.0, 4.0])
def test_speech_from_the_first_moment_is_no_noise(detector: SpeechDetector, seconds: float) -> None:
    """The detector notices speech after some frames; those are loud, and no background."""
    sound = spoken(seconds)
    assert snr(sound, detector.find(sound)) > 25
    assert found(detector, sound) == ()


@pytest.mark.parametrize("offset", [0.02, 0.1])
def test_an_offset_is_no_noise(detector: SpeechDetector, offset: float) -> None:
    sound = np.asarray(np.pad(spoken() * 0.8, RATE) + offset, np.float32)
    assert found(detector, sound) == ()


@pytest.mark.parametrize("ratio", [-2.0, 0.0, 2.0])
@pytest.mark.parametrize("seconds", [3.0, 6.0])
def test_white_noise_from_the_first_moment(
    detector: SpeechDetector, seconds: float, ratio: float
) -> None:
    speech = spoken(seconds)
    noise = np.random.default_rng(1).normal(0, 1, len(speech))
    sound = speech + noise * np.sqrt(np.mean(speech**2)) * 10 ** (-ratio / 20)
    assert Reason.AUDIO_TOO_NOISY in found(detector, np.asarray(sound, np.float32))


def test_clipped(detector: SpeechDetector) -> None:
    loud = np.clip(np.pad(spoken(), RATE) * 8, -1, 1)
    assert found(detector, loud) == (Reason.AUDIO_CLIPPED,)
    quiet = loud * 0.5  # it was clipped before
    assert found(detector, quiet) == (Reason.AUDIO_CLIPPED,)


def test_a_loud_recording_is_not_clipped(detector: SpeechDetector) -> None:
    sound = spoken()
    sound = sound / np.abs(sound).max()
    assert clipping(sound, detector.find(sound)) < 0.001


def test_every_reason_has_a_sentence() -> None:
    assert set(SENTENCES) == set(Reason)
