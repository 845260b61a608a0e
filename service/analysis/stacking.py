"""The trained fusion: a model folder of kind `fusion`, logistic regression over log-odds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from service.analysis.detectors.base import Detector
from service.analysis.detectors.manifest import Finite, Part, Pointed, kind_of, read_manifest
from service.analysis.fusion import log_odds, sigmoid


class Input(Part):
    """One detector and its weight; of another version it would be another input."""

    name: str
    version: str
    weight: Finite


class Stack(Pointed):
    """manifest.json of kind `fusion`.

    probability = sigmoid(intercept + sum of weight * log-odds of each input's probability).
    """

    kind: Literal["fusion"]
    inputs: tuple[Input, ...] = Field(min_length=2)
    intercept: Finite

    def fits(self, detectors: Sequence[Detector]) -> bool:
        """Whether it was trained on exactly these detectors."""
        mine = {(one.name, one.version) for one in self.inputs}
        return mine == {(one.name, one.version) for one in detectors}

    def probability(self, names: Sequence[str], probabilities: Sequence[float]) -> float:
        """The fused probability (0..1) of one face; both sequences are in the same order."""
        weights = {one.name: one.weight for one in self.inputs}
        pairs = zip(names, probabilities, strict=True)
        terms = (weights[name] * log_odds(probability) for name, probability in pairs)
        return sigmoid(math.fsum((self.intercept, *terms)))


def find_stack(models_dir: Path, detectors: Sequence[Detector]) -> Stack | None:
    """The trained fusion of these detectors, where there is one.

    Raises StartupError when a fusion's manifest is unusable.
    """
    folders = sorted(path.parent for path in models_dir.glob("*/manifest.json"))
    stacks = [read_manifest(Stack, folder) for folder in folders if kind_of(folder) == "fusion"]
    return next((stack for stack in stacks if stack.fits(detectors)), None)
