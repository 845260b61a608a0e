"""The fusion in force: the trained one, a fixed rule, or none for a single detector."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Protocol

from service.analysis.decision.rules import fuse, fused_threshold
from service.analysis.decision.stacking import Rule, find_stack
from service.analysis.detectors.base import Rated
from service.repository.fusion_manifest import Stack
from service.repository.manifest import DEEPFAKE, Task
from service.repository.registry import added_models
from service.settings import Settings


class Fusion(Protocol):
    """One probability (0..1) from those of the detectors, in their order, and its threshold."""

    @property
    def name(self) -> str: ...

    @property
    def threshold(self) -> float: ...

    def probability(self, probabilities: Sequence[float]) -> float:
        """The fused probability of one face."""

    def card(self) -> dict[str, object]:
        """What is known about this fusion, ready for JSON."""


class Fixed:
    """A rule of `fusion`; a single detector keeps its own probability and threshold."""

    def __init__(self, rule: str, detectors: Sequence[Rated]) -> None:
        self.name = rule if len(detectors) > 1 else "single"
        self._rule, self._thresholds = rule, [one.threshold for one in detectors]
        self.threshold = fused_threshold(rule, self._thresholds)

    def probability(self, probabilities: Sequence[float]) -> float:
        return fuse(self._rule, probabilities, self._thresholds)

    def card(self) -> dict[str, object]:
        return {"name": self.name}


class Trained:
    """A stack and its rule. Raises StartupError when it has no threshold for `bpcer`."""

    name = "stacking"

    def __init__(self, stack: Stack, rule: Rule, detectors: Sequence[Rated], bpcer: float) -> None:
        self._stack, self._rule = stack, rule
        self._names = [one.name for one in detectors]
        self.threshold = stack.threshold(bpcer)

    def probability(self, probabilities: Sequence[float]) -> float:
        return self._rule(self._names, probabilities)

    def card(self) -> dict[str, object]:
        return {"name": self.name, "manifest": json.loads(self._stack.identity)}


def open_fusion(settings: Settings, detectors: Sequence[Rated], task: Task = DEEPFAKE) -> Fusion:
    """The fusion that the settings ask for, of a task's detectors. Raises StartupError."""
    if settings.fusion != "stacking" or len(detectors) == 1:
        return Fixed("average" if settings.fusion == "stacking" else settings.fusion, detectors)
    # One that was fitted here comes before that of the release.
    roots = (added_models(settings), settings.models_dir)
    found = next(filter(None, (find_stack(root, detectors, task) for root in roots)), None)
    return Trained(*found, detectors, settings.bpcer) if found else Fixed("average", detectors)
