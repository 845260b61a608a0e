"""Synthetic copies of genuine clips: the same sentence, speaker and channel through a vocoder.

What a neural vocoder is here is an ONNX file: log mel spectrum (80 bands to 8 kHz at 22,050 Hz,
1,024 samples a frame, 256 between them) in, sound out, as many HiFi-GANs are.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from training.voice.clips import RATE
from training.voice.signals import istft, mel_bands, resample, stft

Copy = Callable[[np.ndarray, np.random.Generator], np.ndarray]
NEURAL_RATE, NEURAL_SIZE, NEURAL_HOP = 22_050, 1024, 256


def griffin_lim(sound: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Magnitudes, mostly through a mel spectrum, with phases found again step by step."""
    size, hop = [(1024, 256), (800, 200), (512, 128), (1024, 200)][rng.integers(4)]
    magnitude = np.abs(stft(sound, size, hop))
    if rng.random() < 0.7:
        bands = mel_bands(RATE, size, int(rng.choice([80, 128])), 8000)
        magnitude = np.maximum(magnitude @ bands.T @ np.linalg.pinv(bands.T), 1e-8)
    phase = np.exp(2j * np.pi * rng.random(magnitude.shape))
    for _ in range(int(rng.choice([8, 16, 32]))):
        found = istft(magnitude * phase, size, hop, len(sound))
        again = stft(found, size, hop)[: len(phase)]
        phase = again / np.maximum(np.abs(again), 1e-8)
    return istft(magnitude * phase, size, hop, len(sound))


def disturbed_phase(sound: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Sound magnitudes with noise on their phases, above some frequency."""
    size, hop = [(1024, 256), (512, 128)][rng.integers(2)]
    spectrum = stft(sound, size, hop)
    noise = rng.normal(0, rng.choice([0.5, 0.8, 1.2]), spectrum.shape)
    noise[:, : int(rng.choice([0, 1000, 2500]) * size / RATE)] = 0
    return istft(spectrum * np.exp(1j * noise), size, hop, len(sound))


def world(sound: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """WORLD (pyworld): pitch, envelope and aperiodicity, some of them changed."""
    import pyworld

    x = sound.astype(np.float64)
    pitch, times = pyworld.dio(x, RATE)
    pitch = pyworld.stonemask(x, pitch, times, RATE)
    envelope = pyworld.cheaptrick(x, pitch, times, RATE)
    aperiodicity = pyworld.d4c(x, pitch, times, RATE)
    change = rng.random()
    if change < 0.3:
        pitch = pitch * rng.uniform(0.8, 1.25)
    elif change > 0.6:
        coded = pyworld.code_spectral_envelope(envelope, RATE, int(rng.choice([24, 40, 60])))
        envelope = pyworld.decode_spectral_envelope(coded, RATE, 1024)
    return np.asarray(pyworld.synthesize(pitch, envelope, aperiodicity, RATE), np.float32)


def codec2(sound: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Codec 2 (pycodec2): a parametric telephone codec of 1.2 to 3.2 kbit/s."""
    import pycodec2

    codec = pycodec2.Codec2(int(rng.choice([3200, 2400, 1600, 1400, 1200])))
    loud = 0.9 / max(0.05, float(np.abs(sound).max()))
    narrow = (resample(sound, RATE, 8000) * loud * 32767).clip(-32768, 32767).astype(np.int16)
    size = codec.samples_per_frame()
    frames = [narrow[at : at + size] for at in range(0, len(narrow) - size + 1, size)]
    spoken = np.concatenate([codec.decode(codec.encode(frame)) for frame in frames])
    return resample(spoken.astype(np.float32) / 2**15, 8000, RATE)


def neural(file: Path, smooth: bool) -> Copy:
    """A neural vocoder, fed with the true mel spectrum or, as a poor acoustic model would, with
    one that is smoothed over time or bands."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])

    def copy(sound: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        mel = _log_mel(resample(sound, RATE, NEURAL_RATE))
        if smooth:
            mel = _smoothed(mel, int(rng.choice([3, 5])), axis=0)
            mel = _smoothed(mel, int(rng.choice([1, 3, 5, 7])), axis=1)
        taken = {session.get_inputs()[0].name: mel[None].astype(np.float32)}
        found: Any = session.run(None, taken)[0]
        return resample(np.ravel(found), NEURAL_RATE, RATE)

    return copy


def _log_mel(sound: np.ndarray) -> np.ndarray:
    """Bands x frames, natural logarithm."""
    margin = (NEURAL_SIZE - NEURAL_HOP) // 2
    padded = np.pad(sound, margin, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, NEURAL_SIZE)[::NEURAL_HOP]
    lines = np.abs(np.fft.rfft(frames * np.hanning(NEURAL_SIZE + 1)[:-1], axis=1))
    bands = mel_bands(NEURAL_RATE, NEURAL_SIZE, 80, 8000)
    return np.asarray(np.log(np.maximum(lines @ bands.T, 1e-5)).T)


def _smoothed(values: np.ndarray, width: int, axis: int) -> np.ndarray:
    kernel = np.ones(width) / width
    return np.apply_along_axis(lambda row: np.convolve(row, kernel, "same"), axis, values)


COPIES: dict[str, Copy] = {
    "griffin_lim": griffin_lim,
    "disturbed_phase": disturbed_phase,
    "world": world,
    "codec2": codec2,
}
