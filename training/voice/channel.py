"""What happens to sound on its way, to genuine and synthetic alike: rooms, bands, noise, codecs.

Left as they are, level, bandwidth and codec tell the two apart better than any voice does, for
genuine and synthetic clips come from different places.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import av
import numpy as np

from training.voice.clips import RATE
from training.voice.signals import resample

TAIL = 4096  # samples for what rings on
POINTS = np.log([50, 300, 1000, 2500, 5000, 8000])  # Hz at which a colouring is drawn


@dataclass(frozen=True)
class Codec:
    """An encoder of FFmpeg, its container, and bit rates to draw from (none: it has only one)."""

    encoder: str
    container: str
    rate: int
    bits: tuple[int, ...] = ()


CODECS = {
    "opus": Codec("libopus", "ogg", RATE, (8000, 12000, 16000, 24000, 32000, 48000)),
    "mp3": Codec("libmp3lame", "mp3", RATE, (24000, 32000, 48000, 64000)),
    "aac": Codec("aac", "mp4", RATE, (16000, 24000, 32000, 48000, 64000)),
    "amr": Codec("libopencore_amrnb", "amr", 8000, (4750, 5900, 7400, 12200)),
    "g722": Codec("g722", "wav", RATE, (64000,)),
    "adpcm": Codec("adpcm_ima_wav", "wav", 8000),
    "mulaw": Codec("pcm_mulaw", "wav", 8000),
}


def coded(sound: np.ndarray, name: str, rng: np.random.Generator) -> np.ndarray:
    """Encoded and decoded; as long as before."""
    codec = CODECS[name]
    narrow = resample(sound, RATE, codec.rate)
    file = _encoded(narrow, codec, int(rng.choice(codec.bits)) if codec.bits else None)
    with av.open(file) as container:
        turn = av.AudioResampler(format="flt", layout="mono", rate=RATE)
        frames = [part for frame in container.decode(audio=0) for part in turn.resample(frame)]
        frames += turn.resample(None)
    found = np.concatenate([frame.to_ndarray()[0] for frame in frames])[: len(sound)]
    return np.asarray(np.pad(found, (0, len(sound) - len(found))), np.float32)


def _encoded(sound: np.ndarray, codec: Codec, bits: int | None) -> io.BytesIO:
    file = io.BytesIO()
    whole = (np.clip(sound, -1, 1) * 32767).astype(np.int16)
    with av.open(file, "w", format=codec.container) as container:
        stream = container.add_stream(codec.encoder, rate=codec.rate, layout="mono")
        if bits:
            stream.bit_rate = bits
        frame = av.AudioFrame.from_ndarray(whole[None], format="s16", layout="mono")
        frame.sample_rate = codec.rate
        turn = av.AudioResampler(stream.codec_context.format.name, "mono", codec.rate)
        for part in [*turn.resample(frame), *turn.resample(None), None]:
            container.mux(stream.encode(part))
    file.seek(0)
    return file


def passed(sound: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Through a channel; `strength` 0..1: how much of everything there is."""
    if rng.random() < 0.35 * strength:  # speed and pitch
        sound = resample(sound, RATE, RATE * rng.uniform(0.9, 1.12))
    size = len(sound) + TAIL
    spectrum = np.fft.rfft(sound, size) * _gain(size, strength, rng)
    if rng.random() < 0.3 * strength:
        spectrum = spectrum * np.fft.rfft(_room(rng), size)
    found = np.fft.irfft(spectrum, size)[: len(sound)]
    if rng.random() < 0.6 * strength:
        level = (found.std() + 1e-6) * 10 ** (-rng.uniform(8, 40) / 20)
        found = found + level * _noise(len(found), rng)
    if rng.random() < 0.06 * strength:
        found = np.clip(found, -0.5 * np.abs(found).max(), 0.5 * np.abs(found).max())
    return np.asarray(found, np.float32)


def _gain(size: int, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Of each line: a colouring, and a band, that of a telephone among them."""
    hertz = np.fft.rfftfreq(size, 1 / RATE)
    gain = np.ones(len(hertz))
    if rng.random() < 0.5 * strength:
        decibels = np.interp(np.log(np.maximum(hertz, 40)), POINTS, rng.normal(0, 4, len(POINTS)))
        gain *= 10 ** (decibels / 20)
    drawn = rng.random()
    if drawn < 0.55 * strength:
        gain *= _below(hertz, rng.uniform(3200, 7600), rng.choice([15, 60, 200]))
    elif drawn < 0.65 * strength:
        gain *= _below(hertz, 3400, 40) * (1 - _below(hertz, 300, 20))
    if rng.random() < 0.3 * strength:
        gain *= 1 - _below(hertz, rng.uniform(40, 180), 8)
    return gain


def _below(hertz: np.ndarray, edge: float, width: float) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(np.clip((hertz - edge) / width, -60, 60))))


def _room(rng: np.random.Generator) -> np.ndarray:
    """An impulse, and noise that dies away behind it."""
    time = np.arange(4000) / RATE
    echo = rng.normal(size=4000) * np.exp(-6.9 * time / rng.uniform(0.08, 0.5))
    echo *= rng.uniform(0.05, 0.5) / np.sqrt((echo**2).sum())
    echo[0] = 1
    return np.asarray(echo)


def _noise(count: int, rng: np.random.Generator) -> np.ndarray:
    """White to brown, of power 1."""
    spectrum = np.fft.rfft(rng.normal(size=count))
    spectrum *= np.maximum(np.arange(len(spectrum)), 1.0) ** -rng.choice([0, 0.5, 0.8, 1.0])
    noise = np.fft.irfft(spectrum, count)
    return np.asarray(noise / (noise.std() + 1e-9))
