"""What a face is looked at for besides deepfakes, each task with detectors and policy of its own.

A task's detectors never vote in another's. Its finding decides where the settings let it, or is
only shown.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from service.analysis.decision.policy import Policy
from service.analysis.detectors.base import Detector
from service.analysis.detectors.ensemble import Ensemble, Predictions
from service.analysis.detectors.load import load_detectors
from service.analysis.face.crop import Portrait
from service.analysis.findings import detector_scores, finding_of
from service.analysis.judgement import Finding
from service.errors import NoDetectorAnswered
from service.repository.manifest import DEEPFAKE, Task
from service.repository.registry import face_manifests, tasks_in_force
from service.settings import Settings


@dataclass(frozen=True)
class TaskResult:
    """What was found for a task: no finding where no detector answered."""

    finding: Finding | None
    left_out: tuple[str, ...]
    fingerprint: str


class TaskJudge:
    """Looks at faces for one task. Safe to share between threads. Raises StartupError."""

    def __init__(
        self,
        settings: Settings,
        task: Task,
        detectors: Sequence[Detector],
        manifests: Sequence[Mapping[str, Any]],
        *,
        calibrated: bool = True,
    ) -> None:
        self.task, self.detectors = task, tuple(detectors)
        self.advisory = settings.presentation != "decide"
        self.policy = Policy(settings, detectors, manifests, calibrated=calibrated, task=task)
        self._ensemble = Ensemble(detectors)

    def look(self, portraits: Sequence[Portrait]) -> TaskResult:
        """Judge the faces of one image; the worst of them counts.

        Raises NoDetectorAnswered when all detectors fail and the finding should have decided.
        """
        try:
            predictions = self._ensemble.ask(portraits, explain=False)
        except NoDetectorAnswered:
            if not self.advisory:
                raise
            return TaskResult(None, tuple(one.name for one in self.detectors), "none")
        fingerprint = self.policy.without(predictions.left_out).fingerprint
        return TaskResult(self._finding(predictions), predictions.left_out, fingerprint)

    def card(self) -> dict[str, object]:
        """Manifests, measured figures and the operating point in force, ready for JSON."""
        policy = self.policy
        return {
            "advisory": self.advisory,
            "fusion": policy.fusion.card(),
            "operating_point": {"bpcer": policy.bpcer, "threshold": policy.fusion.threshold},
            "calibration": policy.calibration and policy.calibration.model_dump(mode="json"),
            "detectors": [detector.card() for detector in self.detectors],
        }

    def _finding(self, predictions: Predictions) -> Finding:
        in_force = self.policy.without(predictions.left_out)
        faces = [predictions.probabilities(i) for i in range(len(predictions.rows[0]))]
        worst = max(faces, key=in_force.fusion.probability)
        found = detector_scores(predictions.answered, worst)
        finding = finding_of(self.task, in_force, in_force.fusion.probability(worst), found)
        return replace(finding, advisory=self.advisory)


def load_tasks(
    settings: Settings, loaded: Sequence[Detector] = (), *, calibrated: bool = True
) -> tuple[TaskJudge, ...]:
    """Load the other tasks in force; `loaded`: the detectors of deepfakes, which need no loading.

    Raises StartupError.
    """
    manifests = face_manifests(settings)

    def judge(task: Task) -> TaskJudge:
        detectors = load_detectors(settings, task=task, loaded=loaded)
        return TaskJudge(settings, task, detectors, manifests, calibrated=calibrated)

    return tuple(judge(task) for task in tasks_in_force(settings) if task != DEEPFAKE)


def joint_fingerprint(first: str, others: Sequence[tuple[bool, str]]) -> str:
    """One fingerprint of all tasks; `others`: of each whether it is advice, and its fingerprint."""
    if not others:
        return first
    return hashlib.sha256(repr((first, *others)).encode()).hexdigest()[:16]
