"""The trained fusion: a model folder of kind `fusion`, by weights or by a classifier in ONNX."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from service.analysis.decision.rules import log_odds, sigmoid
from service.analysis.detectors.base import Detector
from service.errors import StartupError
from service.repository.checksums import RESTORE, verify_checksum
from service.repository.manifest import (
    Calibration,
    File,
    Finite,
    Part,
    Pointed,
    Sha256,
    kind_of,
    read_json,
    read_manifest,
)

INPUT, OUTPUT = "log_odds", "probabilities"  # of the classifier: images x inputs, images x 2
Rule = Callable[[Sequence[str], Sequence[float]], float]


class Input(Part):
    """One detector; of another version it would be another input."""

    name: str
    version: str


class Weighted(Input):
    weight: Finite


class Stack(Pointed):
    """manifest.json of kind `fusion`."""

    kind: Literal["fusion"]
    inputs: tuple[Input, ...] = Field(min_length=2)

    def fits(self, detectors: Sequence[Detector]) -> bool:
        """Whether it was trained on exactly these detectors."""
        mine = {(one.name, one.version) for one in self.inputs}
        return mine == {(one.name, one.version) for one in detectors}


class Linear(Stack):
    """probability = sigmoid(intercept + sum of weight * log-odds of each input's probability)."""

    inputs: tuple[Weighted, ...] = Field(min_length=2)
    intercept: Finite

    def probability(self, names: Sequence[str], probabilities: Sequence[float]) -> float:
        """The fused probability (0..1) of one face; both sequences are in the same order."""
        weights = {one.name: one.weight for one in self.inputs}
        pairs = zip(names, probabilities, strict=True)
        terms = (weights[name] * log_odds(probability) for name, probability in pairs)
        return sigmoid(math.fsum((self.intercept, *terms)))


class Classified(Stack):
    """What the classifier says of the inputs' log-odds, in their order, calibrated:

    probability = sigmoid(slope * log-odds of what it says + intercept).
    """

    classifier: str
    parameters: dict[str, float]
    file: File
    sha256: Sha256
    calibration: Calibration


class Classifier:
    """Runs a `Classified`: make it after the fork. Raises StartupError when it does not run."""

    def __init__(self, folder: Path, stack: Classified) -> None:
        from service.analysis.detectors.onnx import open_session

        self._stack = stack
        try:
            self._session = open_session(folder / stack.file)
            names = [one.name for one in stack.inputs]
            fine = 0 <= self.probability(names, [0.5] * len(names)) <= 1
        except Exception:  # ONNX Runtime's exceptions have no common, public base
            fine = False
        if not fine:
            raise StartupError(f"The fusion {stack.version} fails its self-test.", RESTORE)

    def probability(self, names: Sequence[str], probabilities: Sequence[float]) -> float:
        """The fused probability (0..1) of one face; both sequences are in the same order."""
        said = dict(zip(names, probabilities, strict=True))
        row = [log_odds(said[one.name]) for one in self._stack.inputs]
        (answer,) = self._session.run([OUTPUT], {INPUT: np.array([row], np.float32)})
        calibration = self._stack.calibration
        return sigmoid(calibration.slope * log_odds(float(answer[0][1])) + calibration.intercept)


def read_stack(folder: Path) -> Linear | Classified:
    """The manifest of a fusion. Raises StartupError when it, or its file, is unusable."""
    if "file" not in read_json(folder):
        return read_manifest(Linear, folder)
    stack = read_manifest(Classified, folder)
    verify_checksum(folder, stack.file, stack.sha256)
    return stack


def open_stack(folder: Path) -> tuple[Stack, Rule]:
    """A fusion, ready to run. Raises StartupError when it is unusable."""
    stack = read_stack(folder)
    if isinstance(stack, Linear):
        return stack, stack.probability
    return stack, Classifier(folder, stack).probability


def check_stacks(models_dir: Path) -> None:
    """Read all fusions and verify their checksums; opens no session. Raises StartupError."""
    for folder in _stacks(models_dir):
        read_stack(folder)


def find_stack(models_dir: Path, detectors: Sequence[Detector]) -> tuple[Stack, Rule] | None:
    """The trained fusion of these detectors, where there is one, ready to run.

    Raises StartupError when a fusion is unusable.
    """
    fitting = (folder for folder in _stacks(models_dir) if read_stack(folder).fits(detectors))
    folder = next(fitting, None)
    return open_stack(folder) if folder else None


def _stacks(models_dir: Path) -> list[Path]:
    folders = sorted(path.parent for path in models_dir.glob("*/manifest.json"))
    return [folder for folder in folders if kind_of(folder) == "fusion"]
