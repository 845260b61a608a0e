"""What is measured on a recording's speech, and the reasons that the measurements give."""

from __future__ import annotations

import numpy as np

from service.analysis.voice.speech import FRAME, Speech
from service.errors import Reason
from service.settings import Settings

QUIET = 0.2  # probability of speech below which a frame is background
LEAST_BACKGROUND = 6  # frames; with fewer the quietest tenth of all frames stands for it
WAKING = 8  # frames that the detector hears before it notices speech; its probabilities say nothing
TINY = 1e-10  # mean power of what counts as digital silence
NEAR_PEAK = 0.995  # of the loudest sample
RUN = 3  # samples in a row near the peak: a plateau
LOUD = 0.2  # of full scale: a peak below is no clipping here (it may be some device's before)


def reasons(sound: np.ndarray, speech: Speech, settings: Settings) -> tuple[Reason, ...]:
    """What speaks against judging this recording, most serious first."""
    if not speech.stretches:
        return (Reason.NO_SPEECH,)
    short = [Reason.SPEECH_TOO_SHORT] if speech.seconds < settings.min_speech else []
    noisy = [Reason.AUDIO_TOO_NOISY] if snr(sound, speech) < settings.min_snr else []
    clipped = [Reason.AUDIO_CLIPPED] if clipping(sound, speech) > settings.max_clipping else []
    return (*short, *noisy, *clipped)


def snr(sound: np.ndarray, speech: Speech) -> float:
    """Decibels of the speech above the background, at most 100."""
    count = len(sound) // FRAME
    if not count:
        return 100.0
    probability = speech.probabilities[:count]
    power = _power(sound[: count * FRAME])
    background = power[WAKING:][probability[WAKING:] < QUIET]
    if len(background) < LEAST_BACKGROUND:
        background = power[power <= np.quantile(power, 0.1)]
    noise = float(np.median(background)) + TINY
    spoken = float(np.mean(power[probability >= QUIET])) if (probability >= QUIET).any() else 0.0
    return float(np.clip(10 * np.log10(max(spoken - noise, TINY) / noise), -100, 100))


def _power(sound: np.ndarray) -> np.ndarray:
    """Of each frame; an offset (DC), which nobody hears, counts for nothing."""
    centred = sound.astype(np.float64) - np.mean(sound, dtype=np.float64)
    return np.asarray(np.mean(centred.reshape(-1, FRAME) ** 2, axis=1))


def clipping(sound: np.ndarray, speech: Speech) -> float:
    """The share of speech that lies on plateaus at the loudest level, 0..1."""
    spoken = np.concatenate([np.abs(sound[start:end]) for start, end in speech.stretches])
    peak = float(spoken.max())
    if peak < LOUD:
        return 0.0
    near = (spoken >= NEAR_PEAK * peak).astype(np.int8)
    plateau = np.convolve(near, np.ones(RUN, np.int8), "valid") == RUN
    return float(plateau.mean()) if len(plateau) else 0.0
