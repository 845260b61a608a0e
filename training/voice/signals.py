"""Short-time spectra and back, mel bands, other sample rates."""

from __future__ import annotations

import numpy as np

OCTAVE = np.log(6.4) / 27


def resample(sound: np.ndarray, old: float, new: float) -> np.ndarray:
    """By the whole spectrum; what the new rate cannot hold is cut away."""
    count = round(len(sound) * new / old)
    spectrum = np.fft.rfft(sound)
    fitted = np.zeros(count // 2 + 1, complex)
    kept = min(len(fitted), len(spectrum))
    fitted[:kept] = spectrum[:kept]
    return np.asarray(np.fft.irfft(fitted, count) * (count / len(sound)), np.float32)


def stft(sound: np.ndarray, size: int, hop: int) -> np.ndarray:
    """Frames x lines, complex, Hann window, the first frame around the first sample."""
    padded = np.pad(sound, size // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    return np.asarray(np.fft.rfft(frames * _hann(size), axis=1))


def istft(spectrum: np.ndarray, size: int, hop: int, length: int) -> np.ndarray:
    """Back, as far as frames agree; `length` samples."""
    window = _hann(size)
    frames = np.fft.irfft(spectrum, size, axis=1) * window
    sound = np.zeros(size + hop * (len(frames) - 1))
    weight = np.zeros(len(sound))
    for number, frame in enumerate(frames):
        sound[number * hop : number * hop + size] += frame
        weight[number * hop : number * hop + size] += window**2
    whole = sound / np.maximum(weight, 1e-3)
    return np.asarray(whole[size // 2 : size // 2 + length], np.float32)


def mel_bands(rate: int, size: int, count: int, top: float) -> np.ndarray:
    """Bands x lines: triangles of equal area from 0 to `top` Hz (Slaney's scale)."""
    lines = np.fft.rfftfreq(size, 1 / rate)
    edges = _hertz(np.linspace(0, _mel(top), count + 2))[:, None]
    rising = (lines - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - lines) / (edges[2:] - edges[1:-1])
    inside = np.maximum(0, np.minimum(rising, falling))
    return np.asarray(inside * 2 / (edges[2:] - edges[:-2]), np.float32)


def _hann(size: int) -> np.ndarray:
    return np.hanning(size + 1)[:-1]


def _mel(hertz: float) -> float:
    linear = hertz * 3 / 200
    return linear if hertz < 1000 else float(15 + np.log(hertz / 1000) / OCTAVE)


def _hertz(mel: np.ndarray) -> np.ndarray:
    return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp((mel - 15) * OCTAVE))
