"""Where somebody speaks: a voice-activity model over 32 ms frames of 16 kHz sound."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from service.repository.checksums import verify_checksum
from service.repository.manifest import read_json
from service.repository.opening import opening
from service.repository.session import open_session

RATE = 16_000  # samples a second, of all sound in here
FRAME = 512  # samples
CONTEXT = 64  # samples of the frame before that the model sees with each frame
BLOCK = 512  # frames in one call: 16 s
SPEECH, SILENCE = 0.5, 0.35  # a stretch begins at the one and ends below the other
PAUSE = 10  # frames: a shorter silence does not end a stretch
SHORTEST = 4  # frames: a shorter stretch is a click
MODEL = "silero-vad"


@dataclass(frozen=True, eq=False)
class Speech:
    """Stretches of speech as pairs of samples, and the probability of each frame."""

    stretches: tuple[tuple[int, int], ...]
    probabilities: np.ndarray

    @property
    def seconds(self) -> float:
        """How much there is of it."""
        return sum(end - start for start, end in self.stretches) / RATE


class SpeechDetector:
    """Runs one session of ONNX Runtime, made here and now: make it after the fork."""

    def __init__(self, models_dir: Path) -> None:
        folder = models_dir / MODEL
        manifest = read_json(folder)
        with opening(MODEL):
            verify_checksum(folder, manifest["file"], manifest["sha256"])
            self._session = open_session(folder / manifest["file"])
            self.find(np.zeros(RATE, np.float32))

    def find(self, sound: np.ndarray) -> Speech:
        """Find the speech in 16 kHz mono float32 sound."""
        probabilities = self._probabilities(sound)
        spans = _joined(_spans(probabilities))
        ends = ((start * FRAME, min(end * FRAME, len(sound))) for start, end in spans)
        return Speech(tuple(ends), probabilities)

    def _probabilities(self, sound: np.ndarray) -> np.ndarray:
        """Of speech, one a frame; the last frame is filled up with silence."""
        count = max(1, -(-len(sound) // FRAME))
        padded = np.zeros(CONTEXT + count * FRAME, np.float32)
        padded[CONTEXT : CONTEXT + len(sound)] = sound
        frames = np.lib.stride_tricks.sliding_window_view(padded, CONTEXT + FRAME)[::FRAME]
        hidden = cell = np.zeros((1, 1, 128), np.float32)
        found = []
        for first in range(0, count, BLOCK):
            block = np.ascontiguousarray(frames[first : first + BLOCK])
            taken = {"input": block, "h": hidden, "c": cell}
            values, hidden, cell = self._session.run(["speech_probs", "hn", "cn"], taken)
            found.append(np.ravel(values))
        return np.concatenate(found)


def _spans(probabilities: np.ndarray) -> list[tuple[int, int]]:
    """Frames from where speech begins to where it ends, with hysteresis."""
    spans, start = [], None
    for index, value in enumerate(probabilities):
        if start is None and value >= SPEECH:
            start = index
        elif start is not None and value < SILENCE:
            spans.append((start, index))
            start = None
    return spans if start is None else [*spans, (start, len(probabilities))]


def _joined(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Short pauses are part of speech; short stretches between long pauses are none."""
    joined: list[tuple[int, int]] = []
    for start, end in spans:
        if joined and start - joined[-1][1] < PAUSE:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return [(start, end) for start, end in joined if end - start >= SHORTEST]
