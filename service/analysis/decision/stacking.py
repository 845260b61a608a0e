"""The trained fusion: a model folder of kind `fusion`, by weights or by a classifier in ONNX."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from service.analysis.decision.rules import log_odds, sigmoid
from service.analysis.detectors.base import Rated
from service.errors import StartupError
from service.repository.checksums import RESTORE
from service.repository.fusion_manifest import (
    INPUT,
    OUTPUT,
    ClassifiedStack,
    LinearStack,
    Stack,
    fusion_folders,
    read_stack,
)
from service.repository.manifest import DEEPFAKE, Task

Rule = Callable[[Sequence[str], Sequence[float]], float]


class Classifier:
    """Runs a `ClassifiedStack`; make it after the fork. Raises StartupError if it does not run."""

    def __init__(self, folder: Path, stack: ClassifiedStack) -> None:
        from service.repository.session import open_session

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


def weigh(stack: LinearStack, names: Sequence[str], probabilities: Sequence[float]) -> float:
    """The fused probability (0..1) of one face; both sequences are in the same order."""
    weights = {one.name: one.weight for one in stack.inputs}
    pairs = zip(names, probabilities, strict=True)
    terms = (weights[name] * log_odds(probability) for name, probability in pairs)
    return sigmoid(math.fsum((stack.intercept, *terms)))


def open_stack(folder: Path) -> tuple[Stack, Rule]:
    """A fusion, ready to run. Raises StartupError when it is unusable."""
    stack = read_stack(folder)
    if isinstance(stack, LinearStack):
        return stack, partial(weigh, stack)
    return stack, Classifier(folder, stack).probability


def find_stack(
    models_dir: Path, detectors: Sequence[Rated], task: Task = DEEPFAKE
) -> tuple[Stack, Rule] | None:
    """The trained fusion of these detectors for a task, where there is one, ready to run.

    Raises StartupError when a fusion is unusable.
    """
    for folder in fusion_folders(models_dir):
        if read_stack(folder).fits(detectors, task):
            return open_stack(folder)
    return None
