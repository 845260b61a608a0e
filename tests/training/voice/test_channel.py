"""Channels and copies keep what is said, and are drawn for both classes alike."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests.voices import RATE, spoken
from training.voice.channel import CODECS, coded, passed
from training.voice.clips import Clip, cut
from training.voice.copies import disturbed_phase, griffin_lim
from training.voice.couples import Couples
from training.voice.signals import istft, resample, stft
from training.voice.views import LENGTH, view, with_copies


def alike(one: np.ndarray, other: np.ndarray) -> float:
    """Correlation of the levels of 100 ms."""
    count = min(len(one), len(other)) // 1600 * 1600
    levels = [np.sqrt((x[:count].reshape(-1, 1600) ** 2).mean(1)) for x in (one, other)]
    return float(np.corrcoef(*levels)[0, 1])


@pytest.mark.parametrize("name", CODECS)
def test_codecs(name: str) -> None:
    sound = spoken(2)
    heard = coded(sound, name, np.random.default_rng(0))
    assert len(heard) == len(sound)
    assert alike(sound, heard) > 0.5
    assert np.abs(heard - sound).max() > 1e-4


@pytest.mark.parametrize("seed", range(4))
def test_channels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    heard = view(spoken(3), rng, 1.0)
    assert heard.shape == (LENGTH,)
    assert heard.dtype == np.int16
    assert np.abs(heard).max() > 300
    assert np.isfinite(passed(spoken(2), 1.0, rng)).all()


@pytest.mark.parametrize("copy", [griffin_lim, disturbed_phase])
def test_copies(copy: object) -> None:
    sound = spoken(2)
    found = copy(sound, np.random.default_rng(1))  # type: ignore[operator]
    assert len(found) == len(sound)
    assert alike(sound, found) > 0.9
    assert np.abs(found - sound).max() > 0.01


def test_spectra_go_back() -> None:
    sound = spoken(1)
    assert np.abs(istft(stft(sound, 512, 128), 512, 128, len(sound)) - sound).max() < 1e-3
    assert len(resample(sound, RATE, 8000)) == len(sound) // 2


def test_silence_is_cut() -> None:
    sound = (np.pad(spoken(2), RATE) * 2**15).astype(np.int16)
    assert abs(len(cut(sound)) - 2 * RATE) < 0.4 * RATE


def test_couples_come_from_one_source_and_sentence() -> None:
    genuine = [Clip(f"g{n}", False, "a", "recording", f"a/{n}") for n in range(4)]
    fakes = [dataclasses.replace(one, fake=True, system="tts") for one in genuine]
    others = [Clip("o", False, "b", "recording"), Clip("p", True, "b", "vc")]
    clips = [*genuine, *fakes, *others]
    couples = Couples(clips, np.random.default_rng(0))
    drawn = [couples.draw() for _ in range(200)]
    assert all(clips[a].fake and not clips[b].fake for a, b in drawn)
    assert all(clips[a].source == clips[b].source for a, b in drawn)
    same = [clips[a].pair == clips[b].pair for a, b in drawn if clips[a].source == "a"]
    assert np.mean(same) > 0.6


def test_copies_are_of_genuine_clips() -> None:
    clip, sound = Clip("x", False, "a", "recording"), (spoken(2) * 2**15).astype(np.int16)
    made = with_copies(iter([(clip, sound)] * 30), {"id": lambda s, _: s}, np.random.default_rng(0))
    copies = [one for one, _ in made if one.home]
    assert copies
    assert all(one.fake and one.pair == "x" and one.source == "a" for one in copies)
