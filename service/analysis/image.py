"""The image pipeline: decode, detect faces, select, predict, fuse, decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import cv2
import numpy as np

from service.analysis.decision.policy import CurrentPolicy, Policy
from service.analysis.detectors.base import Detector, Prediction
from service.analysis.detectors.ensemble import Ensemble, predict_guarded
from service.analysis.detectors.load import load_detectors, load_drawing
from service.analysis.face.blazeface import FaceDetector
from service.analysis.face.crop import Portrait
from service.analysis.face.selection import select
from service.analysis.findings import decided_by, ordered
from service.analysis.heatmap import heat_map_uri
from service.analysis.image_parts import face_judgements, facts_of, image_analysis
from service.analysis.judgement import (
    FaceJudgement,
    ImageAnalysis,
)
from service.analysis.stopwatch import Stopwatch
from service.analysis.tasks import (
    TaskJudge,
    TaskResult,
    joint_fingerprint,
    load_tasks,
)
from service.media.image import DecodedImage, decode
from service.media.medium import Medium
from service.provenance.facts import Provenance
from service.provenance.inspector import Inspector
from service.repository.manifest import DEEPFAKE, Task
from service.repository.registry import check_models, face_manifests
from service.runtime.allocator import keep_freed
from service.settings import Settings


@dataclass(frozen=True)
class ModelInfo:
    """A loaded model; `kind` is `detector` or `face_detector`."""

    name: str
    version: str
    kind: str


class Analyzer:
    """Judges images. Safe to share between threads; make it after the fork."""

    def __init__(
        self,
        settings: Settings,
        faces: FaceDetector,
        detectors: Sequence[Detector],
        *,
        calibrated: bool = True,
        task: Task = DEEPFAKE,
    ) -> None:
        self._settings = settings
        self._tasks: tuple[TaskJudge, ...] = ()  # besides its own
        self._inspector: Inspector | None = None
        self._drawing: tuple[Detector, ...] = ()  # asked for heat maps alone
        self._faces = faces
        self._detectors = tuple(detectors)
        self._face_manifests = face_manifests(settings)
        self._calibrated, self._task = calibrated, task
        self._current = self.policies(settings)
        self._ensemble = Ensemble(detectors)

    @classmethod
    def load(cls, settings: Settings, *, calibrated: bool = True) -> Analyzer:
        """Verify, open and try out every model; `calibrated`: with the operator's calibration.

        Raises StartupError.
        """
        check_models(settings)
        faces, detectors = _open_faces(settings), load_detectors(settings)
        analyzer = cls(settings, faces, detectors, calibrated=calibrated)
        analyzer._tasks = load_tasks(settings, detectors, calibrated=calibrated)
        analyzer._drawing = load_drawing(settings)
        if settings.provenance == "on":
            analyzer._inspector = Inspector(settings)
        return analyzer

    @classmethod
    def of_task(cls, settings: Settings, task: Task, *, calibrated: bool = True) -> Analyzer:
        """One that looks for a single task, to measure it or to fit something to it.

        Raises StartupError.
        """
        check_models(settings, task=task)
        faces, detectors = _open_faces(settings), load_detectors(settings, task=task)
        return cls(settings, faces, detectors, calibrated=calibrated, task=task)

    def analyze(self, medium: Medium | bytes, *, explain: bool = False) -> ImageAnalysis:
        """Judge an image; `explain` adds a heat map of the face that counts.

        Raises ImageError when it is no sound image, CannotJudge when a reason refuses it, and
        NoDetectorAnswered when every detector failed.
        """
        watch = Stopwatch()
        medium = Medium.of(medium, "image") if isinstance(medium, bytes) else medium
        with watch.stage("decode"):
            data = medium.read()
            image = decode(data, max_pixels=self._settings.max_pixels)
        with watch.stage("detect"):
            detection = self._faces.detect(image.pixels)
            subjects = select(detection, self._settings, scale=image.scale)
        with watch.stage("infer"):
            portraits = [Portrait(detection.image, subject.face) for subject in subjects]
            predictions = self._ensemble.ask(portraits, explain=explain)
            looked = [task.look(portraits) for task in self._tasks]
        policy = self._current.now  # one for the whole answer
        faces = face_judgements(policy, predictions, subjects, image.scale)
        facts = facts_of(medium, image, detection)
        analysis = image_analysis(policy, facts, detection, faces, predictions)
        origin = self._origin(data, image, watch)
        analysis = replace(self._with_tasks(analysis, looked), provenance=origin)
        if explain:
            with watch.stage("explain"):
                n = analysis.counted
                drawn = self._heat_map(detection.image, portraits[n], predictions.of_face(n))
            analysis = replace(analysis, heat_map=drawn)
        return replace(analysis, timings=watch.timings())

    def judge_frame(
        self, policy: Policy, pixels: np.ndarray, scale: float
    ) -> tuple[tuple[FaceJudgement, ...], tuple[str, ...]]:
        """The judged faces of an upright frame, most prominent first, and detectors that failed.

        Raises as `analyze` does.
        """
        detection = self._faces.detect(pixels)
        subjects = select(detection, self._settings, scale=scale)
        portraits = [Portrait(detection.image, subject.face) for subject in subjects]
        predictions = self._ensemble.ask(portraits, explain=False)
        faces = face_judgements(policy, predictions, subjects, scale)
        return faces, predictions.left_out

    def policies(self, settings: Settings) -> CurrentPolicy:
        """The policies of these detectors by other settings. Raises StartupError."""
        parts = (self._detectors, self._face_manifests)
        make = partial(Policy, settings, *parts, calibrated=self._calibrated, task=self._task)
        return CurrentPolicy(settings, make, follow=self._calibrated)

    @property
    def models(self) -> tuple[ModelInfo, ...]:
        """The detectors, those of other tasks after those of deepfakes, then the face detectors."""
        every = [*self._detectors, *(one for task in self._tasks for one in task.detectors)]
        detectors = [ModelInfo(one.name, one.version, "detector") for one in every]
        faces = [ModelInfo(m["name"], m["version"], m["kind"]) for m in self._face_manifests]
        return (*detectors, *faces)

    @property
    def thresholds(self) -> dict[str, float]:
        """Each detector's own threshold, by its name, in their order."""
        return {detector.name: detector.threshold for detector in self._detectors}

    @property
    def policy(self) -> Policy:
        """Fusion, calibration and threshold in force; a deployed fusion may change it any time."""
        return self._current.now

    @property
    def fingerprint(self) -> str:
        """Short hash of everything that an answer depends on besides the image."""
        others = [(task.advisory, task.policy.fingerprint) for task in self._tasks]
        return joint_fingerprint(self.policy.fingerprint, others)

    @property
    def ignored_calibration(self) -> bool:
        """Whether there is a calibration that was fitted for other models."""
        policies = (self.policy, *(task.policy for task in self._tasks))
        return any(policy.ignored_calibration for policy in policies)

    @property
    def notices(self) -> tuple[str, ...]:
        """What an operator should know of how answers are made, one sentence each."""
        policy = self.policy
        other = ["The calibration was fitted for other models, so it is ignored."]
        misfit = [policy.misfit[0]] if policy.misfit else []
        return (*misfit, *(other if self.ignored_calibration else []))

    def model_card(self) -> dict[str, object]:
        """Manifests, measured figures and the operating point in force, ready for JSON."""
        policy = self.policy
        point = {"bpcer": policy.bpcer, "threshold": policy.fusion.threshold}
        return {
            "fingerprint": policy.fingerprint,
            "fusion": policy.fusion.card(),
            "operating_point": point,
            "calibration": policy.calibration and policy.calibration.model_dump(mode="json"),
            "detectors": [detector.card() for detector in self._detectors],
            "face_detectors": list(self._face_manifests),
            **({"tasks": {task.task: task.card() for task in self._tasks}} if self._tasks else {}),
        }

    def _heat_map(
        self, image: np.ndarray, portrait: Portrait, found: Sequence[Prediction]
    ) -> str | None:
        """Drawn by the detectors that are asked for heat maps alone, and by those that judged."""
        rows = [predict_guarded(one, [portrait], True) for one in self._drawing]
        return heat_map_uri(image, [*(one for row in rows if row for one in row), *found])

    def _origin(self, data: bytes, image: DecodedImage, watch: Stopwatch) -> Provenance | None:
        """The provenance of the picture; None where nobody asks for it."""
        if self._inspector is None:
            return None
        with watch.stage("provenance"):
            return Provenance(self._inspector.facts(data, image))

    def _with_tasks(self, analysis: ImageAnalysis, looked: Sequence[TaskResult]) -> ImageAnalysis:
        """The judgement with what was found for other tasks; the deciding finding makes it."""
        if not looked:
            return analysis
        findings = ordered([*analysis.findings, *(one.finding for one in looked if one.finding)])
        parts = zip(self._tasks, looked, strict=True)
        return replace(
            analysis,
            **decided_by(findings[0]),
            findings=findings,
            left_out=(*analysis.left_out, *(name for one in looked for name in one.left_out)),
            fingerprint=joint_fingerprint(
                analysis.fingerprint, [(task.advisory, one.fingerprint) for task, one in parts]
            ),
        )


def _open_faces(settings: Settings) -> FaceDetector:
    keep_freed()
    cv2.setNumThreads(1)  # requests run side by side: pools would fight for the cores
    faces = FaceDetector(settings.models_dir)
    faces.try_out()
    return faces
