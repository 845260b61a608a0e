"""The manifest of a trained fusion: a model folder of kind `fusion`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal, Protocol

from pydantic import Field

from service.repository.checksums import verify_checksum
from service.repository.manifest import (
    DEEPFAKE,
    Calibration,
    File,
    Finite,
    Part,
    Pointed,
    Sha256,
    Task,
    kind_of,
    read_json,
    read_manifest,
)

INPUT, OUTPUT = "log_odds", "probabilities"  # of the classifier: images x inputs, images x 2


class Named(Protocol):
    """What a fusion knows a detector by."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...


class DetectorInput(Part):
    """One detector; of another version it would be another input."""

    name: str
    version: str


class Weighted(DetectorInput):
    weight: Finite


class Stack(Pointed):
    """manifest.json of kind `fusion`."""

    kind: Literal["fusion"]
    inputs: tuple[DetectorInput, ...] = Field(min_length=2)

    def fits(self, detectors: Iterable[Named], task: Task = DEEPFAKE) -> bool:
        """Whether it was trained on exactly these detectors, for this task."""
        if self.task != task:
            return False
        mine = {(one.name, one.version) for one in self.inputs}
        return mine == {(one.name, one.version) for one in detectors}


class LinearStack(Stack):
    """probability = sigmoid(intercept + sum of weight * log-odds of each input's probability)."""

    inputs: tuple[Weighted, ...] = Field(min_length=2)
    intercept: Finite


class ClassifiedStack(Stack):
    """What the classifier says of the inputs' log-odds, in their order, calibrated:

    probability = sigmoid(slope * log-odds of what it says + intercept).
    """

    classifier: str
    parameters: dict[str, float]
    file: File
    sha256: Sha256
    calibration: Calibration


def read_stack(folder: Path) -> LinearStack | ClassifiedStack:
    """The manifest of a fusion. Raises StartupError when it, or its file, is unusable."""
    if "file" not in read_json(folder):
        return read_manifest(LinearStack, folder)
    stack = read_manifest(ClassifiedStack, folder)
    verify_checksum(folder, stack.file, stack.sha256)
    return stack


def misfit(detectors: Iterable[Named]) -> tuple[str, str]:
    """(sentence, remedy) where no trained fusion fits these detectors."""
    names = ", ".join(f"{one.name} {one.version}" for one in detectors)
    return (
        f"No trained fusion fits the detectors in force ({names}), so the average is taken.",
        "Run `facegate ensemble fit DIR`, or set FACEGATE_FUSION.",
    )


def check_stacks(models_dir: Path) -> None:
    """Read all fusions and verify their checksums; opens no session. Raises StartupError."""
    for folder in fusion_folders(models_dir):
        read_stack(folder)


def fusion_folders(models_dir: Path) -> list[Path]:
    """The folders of all fusions below a models folder, by name."""
    folders = sorted(path.parent for path in models_dir.glob("*/manifest.json"))
    return [folder for folder in folders if kind_of(folder) == "fusion"]
