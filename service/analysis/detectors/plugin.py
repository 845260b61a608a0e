"""A detector that is a Python class of an installed package."""

from __future__ import annotations

import math
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np

from service.analysis.detectors.base import Prediction
from service.analysis.face.crop import Portrait
from service.errors import StartupError
from service.repository.kinds import PythonManifest
from service.repository.manifest import read_manifest
from service.runtime.limits.breaker import Breaker
from service.runtime.limits.deadline import run_with_deadline
from service.sdk import FaceDetectorPlugin

GROUP = "facegate.detectors"


class PythonDetector:
    """Loads the class and tries it. Raises StartupError when either fails."""

    def __init__(self, folder: Path) -> None:
        self.manifest = read_manifest(PythonManifest, folder)
        self.name, self.version = self.manifest.name, self.manifest.version
        self.threshold = self.manifest.threshold
        self.identity = self.manifest.identity
        self._breaker = Breaker(self.manifest.failures, self.manifest.rest)
        self.plugin = load_plugin(self.name, self.manifest.object)

    def predict(self, portrait: Portrait, *, explain: bool = False) -> Prediction:  # noqa: ARG002
        """Crop and predict; a class has no heat map. Raises TimeoutError or DetectorAway, too."""
        plugin = self.plugin
        crop = portrait.crop(plugin.margin, plugin.size).copy()  # an author may write on it
        with self._breaker.guard():
            said = run_with_deadline(
                self.manifest.timeout, lambda: float(plugin.predict(crop)), self.name
            )
        return Prediction(said, portrait.box(plugin.margin))

    def card(self) -> dict[str, object]:
        """The manifest."""
        return self.manifest.model_dump(mode="json")


def load_plugin(name: str, reference: str) -> FaceDetectorPlugin:
    """The plugin, loaded and tried once. Raises StartupError."""
    try:
        made = EntryPoint(name, reference, GROUP).load()()
        if not isinstance(made, FaceDetectorPlugin):
            raise TypeError("not a FaceDetectorPlugin")
        made.load()
        said = float(made.predict(np.full((made.size, made.size, 3), 127, np.uint8)))
    except Exception as error:  # an author's code may raise anything
        raise StartupError(
            f"The detector {name} ({reference}) cannot be loaded: {type(error).__name__}.",
            "Install its package here, run its own tests, or take its model folder away.",
        ) from error
    if not (math.isfinite(said) and 0 <= said <= 1):
        raise StartupError(
            f"The detector {name} ({reference}) answered {said:g} where a probability is due.",
            "Let `predict` answer a number from 0 to 1.",
        )
    return made
