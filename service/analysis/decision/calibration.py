"""An operator's own calibration: threshold and scale fitted to his images, beside the models."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from service.analysis.decision.fusion import Fusion
from service.analysis.decision.rules import log_odds, sigmoid
from service.errors import StartupError
from service.repository.manifest import (
    DEEPFAKE,
    Finite,
    Part,
    Points,
    Positive,
    Probability,
    Sha256,
    Task,
)
from service.settings import Settings


class FittedFor(Part):
    """What gave the probabilities; `identity` is that of the analyzer, the rest is for people."""

    identity: Sha256
    models: tuple[str, ...]
    fusion: str


class Images(Part):
    """How many of them were judged, and how many got no answer."""

    genuine: int
    attacks: int
    without_answer: int


class Interval(Part):
    """95 %, of the BPCER on images like these."""

    low: Probability
    high: Probability


class LocalCalibration(Points):
    """calibration.json: probability = sigmoid(slope * log-odds of the fused one + intercept)."""

    kind: Literal["calibration"] = "calibration"
    made_at: str
    service: str
    fitted_for: FittedFor
    images: Images
    bpcer: float = Field(gt=0, lt=1)
    bpcer_interval: Interval
    slope: Positive
    intercept: Finite

    def fits(self, identity: str) -> bool:
        """Whether it was fitted for exactly these models."""
        return self.fitted_for.identity == identity

    def bpcer_of(self, settings: Settings) -> float:
        """The BPCER that the setting names, or, where it is left alone, the one fitted for."""
        return settings.bpcer if "bpcer" in settings.model_fields_set else self.bpcer


class Calibrated:
    """A fusion and the calibration laid over it. Raises StartupError without such a threshold."""

    def __init__(self, fusion: Fusion, calibration: LocalCalibration, bpcer: float) -> None:
        self._fusion, self._calibration = fusion, calibration
        self.name = fusion.name
        self.threshold = calibration.threshold(bpcer)

    def probability(self, probabilities: Sequence[float]) -> float:
        known = log_odds(self._fusion.probability(probabilities))
        return sigmoid(self._calibration.slope * known + self._calibration.intercept)

    def card(self) -> dict[str, object]:
        return {**self._fusion.card(), "calibration": self._calibration.model_dump(mode="json")}


def find_calibration(settings: Settings, task: Task = DEEPFAKE) -> LocalCalibration | None:
    """A task's calibration file, where there is one. Raises StartupError when it is unusable."""
    path = settings.calibration_file(task)
    if not (task == DEEPFAKE and settings.calibration) and not path.exists():
        return None
    try:
        return LocalCalibration.model_validate(json.loads(path.read_text()))
    except OSError as error:
        reason = f"cannot be read: {error.strerror}"
    except ValueError:
        reason = "is not one that `facegate calibrate` wrote"
    raise StartupError(
        f"The calibration {path} {reason}.",
        "Fit a new one with `facegate calibrate DIR --force`, or remove it and its setting.",
    )
