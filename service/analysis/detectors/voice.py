"""A voice detector that is a folder: an ONNX file that takes sound, and its manifest, no code."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from service.analysis.decision.rules import sigmoid
from service.analysis.voice.speech import RATE
from service.repository.manifest import load_voice_manifest
from service.repository.opening import check_logit, opening, read_metrics
from service.repository.session import open_session


class OnnxVoiceDetector:
    """Runs one session of ONNX Runtime, made here and now: make it after the fork.

    `bpcer` is the nearest one to what was asked for that it has a threshold for. Raises
    StartupError when the folder is unusable or the model does not run.
    """

    def __init__(self, folder: Path, *, bpcer: float) -> None:
        self.manifest = load_voice_manifest(folder)
        self.name, self.version = self.manifest.name, self.manifest.version
        self.seconds = self.manifest.input.seconds
        self.bpcer = self.manifest.nearest(bpcer)
        self.threshold = self.manifest.threshold(self.bpcer)
        self.identity = self.manifest.identity
        self._metrics = read_metrics(folder)
        with opening(folder.name):
            self._session = open_session(folder / self.manifest.file)
            check_logit(self.name, self.logit(pattern(self.seconds)), self.manifest.known_logit)

    def predict(self, windows: Sequence[np.ndarray]) -> list[float]:
        """The calibrated probability of each window of speech that a machine made it."""
        calibration = self.manifest.calibration
        logits = (self.logit(window) for window in windows)
        return [sigmoid(calibration.slope * one + calibration.intercept) for one in logits]

    def logit(self, window: np.ndarray) -> float:
        """The logit before calibration of a window of 16 kHz mono float32 sound."""
        taken = self.manifest.input
        sound = repeated(window, round(taken.shortest * RATE))[None]
        (logit,) = self._session.run([self.manifest.output.logit], {taken.name: sound})
        return float(np.asarray(logit).reshape(()))

    def card(self) -> dict[str, object]:
        """The manifest, the operating point in force, and the figures measured in training."""
        point = {"bpcer": self.bpcer, "threshold": self.threshold}
        manifest = self.manifest.model_dump(mode="json")
        return {**manifest, "operating_point": point, "metrics": self._metrics}


def repeated(window: np.ndarray, least: int) -> np.ndarray:
    """A window of at least so many samples: a shorter one again and again, as in training."""
    sound = np.asarray(window, np.float32)
    return np.resize(sound, least) if 0 < len(sound) < least else sound


def pattern(seconds: float) -> np.ndarray:
    """The self-test's sound: a buzz under noise, both made of whole numbers."""
    steps = np.arange(round(seconds * RATE), dtype=np.int64)
    noise = (steps * 48271 % 65521) / 65521 - 0.5
    return np.asarray(0.3 * ((steps % 131) / 131 - 0.5) + 0.1 * noise, np.float32)
