"""Several channels as one: mixed, or the louder of two that cancel each other out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from av.audio.resampler import AudioResampler

RATE = 16_000  # Hz
EVERY = 32  # one sample of so many is looked at: Python would be slow at all of them
CANCELLED = 0.1  # of the louder channel's power; no ordinary mixture is as weak as that


class Mixed:
    """16 kHz mono of all channels; of two it measures what the mixture leaves of them."""

    def __init__(self) -> None:
        self._one = AudioResampler(format="flt", layout="mono", rate=RATE)
        self._two = AudioResampler(format="fltp", layout="stereo")
        self._left = self._right = self._both = 0.0  # power, summed up

    def pieces(self, frames: Iterable[Any]) -> Iterator[bytes]:
        """Raw float32 samples."""
        for frame in frames:
            if frame.layout.nb_channels == 2:
                self._measure(frame)
            yield from _samples(self._one, frame)
        yield from _samples(self._one, None)

    def _measure(self, frame: Any) -> None:
        for one in self._two.resample(frame):
            left, right = (
                memoryview(plane).cast("B").cast("f")[: one.samples : EVERY] for plane in one.planes
            )
            self._left += sum(a * a for a in left)
            self._right += sum(b * b for b in right)
            self._both += sum((a + b) ** 2 for a, b in zip(left, right, strict=True)) / 2

    @property
    def louder(self) -> int | None:
        """The louder channel, where the two cancel each other out: one of them is inverted."""
        if self._both < CANCELLED * max(self._left, self._right):
            return 0 if self._left >= self._right else 1
        return None


class Alone:
    """16 kHz mono of one channel of two."""

    def __init__(self, channel: int) -> None:
        self._channel = channel
        self._two = AudioResampler(format="fltp", layout="stereo", rate=RATE)

    def pieces(self, frames: Iterable[Any]) -> Iterator[bytes]:
        """Raw float32 samples."""
        for frame in frames:
            yield from _samples(self._two, frame, self._channel)
        yield from _samples(self._two, None, self._channel)


def _samples(resampler: AudioResampler, frame: Any, plane: int = 0) -> Iterator[bytes]:
    for one in resampler.resample(frame):
        yield bytes(one.planes[plane])[: one.samples * 4]
