"""The one road from bytes to a judgement: decode, detect, choose, judge, fuse, decide."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from time import perf_counter

import cv2
import numpy as np

from service import __version__
from service.analysis.calibration import Calibrated, find_calibration
from service.analysis.detectors.base import Detector
from service.analysis.detectors.registry import check_models, face_manifests, load_detectors
from service.analysis.explain import heat_map_uri
from service.analysis.faces import Detection, Face, FaceDetector
from service.analysis.fusing import Fusion, open_fusion
from service.analysis.fusion import centred
from service.analysis.images import DecodedImage, decode
from service.analysis.panel import Opinions, Panel
from service.analysis.result import Analysis, Box, DetectorScore, FaceJudgement, ImageFacts
from service.analysis.subjects import Subject, choose, prominent
from service.errors import Reason
from service.settings import Settings

ANSWERING = {  # the settings that change an answer; the detectors are named by themselves
    *("bpcer", "fusion", "multi_face", "max_faces", "refuse", "min_face", "border_margin"),
    *("max_angle", "min_sharpness", "min_brightness", "max_brightness"),
}


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
    ) -> None:
        self._settings = settings
        self._faces = faces
        self._detectors = tuple(detectors)
        self._face_manifests = face_manifests(settings)
        self._fusions: dict[tuple[str, ...], Fusion] = {}
        self._fusion = self.fusion_of(settings.fusion, list(self.thresholds))
        self.bpcer = settings.bpcer
        self.identity = self._identity()
        found = find_calibration(settings) if calibrated else None
        self.calibration = found if found and found.fits(self.identity) else None
        self.ignored_calibration = found is not None and self.calibration is None
        if self.calibration:
            self.bpcer = self.calibration.bpcer_of(settings)
            self._fusion = Calibrated(self._fusion, self.calibration, self.bpcer)
        self.threshold = self._fusion.threshold
        self._panel = Panel(detectors)
        self.fingerprint = self._fingerprint()

    @classmethod
    def load(cls, settings: Settings, *, calibrated: bool = True) -> Analyzer:
        """Verify, open and try out every model; `calibrated`: with the operator's calibration.

        Raises StartupError.
        """
        check_models(settings)
        cv2.setNumThreads(1)  # requests run side by side: pools would fight for the cores
        faces = FaceDetector(settings.models_dir)
        faces.detect(np.zeros((256, 256, 3), np.uint8))  # a blank image runs both models
        return cls(settings, faces, load_detectors(settings), calibrated=calibrated)

    def analyze(self, data: bytes, *, explain: bool = False) -> Analysis:
        """Judge the bytes of a JPEG or PNG; `explain` adds a heat map of the face that counts.

        Raises ImageError when it is no sound image, CannotJudge when a reason refuses it, and
        NoDetectorAnswered when every detector failed.
        """
        watch = _Stopwatch()
        with watch.stage("decode"):
            image = decode(data, max_pixels=self._settings.max_pixels)
        with watch.stage("detect"):
            detection = self._faces.detect(image.pixels)
            subjects = choose(detection, self._settings, scale=image.scale)
        with watch.stage("infer"):
            asked = [subject.face for subject in subjects]
            opinions = self._panel.ask(detection.image, asked, explain=explain)
        faces = self._judged(opinions, subjects, image.scale)
        counted = max(range(len(faces)), key=lambda i: faces[i].probability)
        heat_map = None
        if explain:
            with watch.stage("explain"):
                heat_map = heat_map_uri(detection.image, opinions.of_face(counted))
        facts = _facts(data, image, detection)
        analysis = self._analysis(facts, detection, faces, counted, opinions)
        return replace(analysis, timings=watch.timings(), heat_map=heat_map)

    @property
    def models(self) -> tuple[ModelInfo, ...]:
        """The detectors, then the face detectors."""
        detectors = [ModelInfo(one.name, one.version, "detector") for one in self._detectors]
        faces = [ModelInfo(m["name"], m["version"], m["kind"]) for m in self._face_manifests]
        return (*detectors, *faces)

    @property
    def thresholds(self) -> dict[str, float]:
        """Each detector's own threshold, by its name, in their order."""
        return {detector.name: detector.threshold for detector in self._detectors}

    def fusion_of(self, method: str, names: Sequence[str]) -> Fusion:
        """The fusion of some of the detectors by a method of the setting `fusion`.

        Raises StartupError when a trained one is unusable.
        """
        key = (method, *names)
        if key not in self._fusions:
            asked = self._settings.model_copy(update={"fusion": method})
            some = [one for one in self._detectors if one.name in names]
            self._fusions[key] = open_fusion(asked, some)
        return self._fusions[key]

    def model_card(self) -> dict[str, object]:
        """Manifests, measured figures and the operating point in force, ready for JSON."""
        return {
            "fingerprint": self.fingerprint,
            "fusion": self._fusion.card(),
            "operating_point": {"bpcer": self.bpcer, "threshold": self.threshold},
            "calibration": self.calibration and self.calibration.model_dump(mode="json"),
            "detectors": [detector.card() for detector in self._detectors],
            "face_detectors": list(self._face_manifests),
        }

    def _judged(
        self, opinions: Opinions, subjects: Sequence[Subject], scale: float
    ) -> tuple[FaceJudgement, ...]:
        fusion = self._fusion_of(opinions)
        return tuple(
            FaceJudgement(
                box=_box(subject.face, scale),
                confidence=subject.face.score,
                probability=fusion.probability(opinions.probabilities(index)),
                detectors=_scores(opinions, index),
                quality=subject.quality,
            )
            for index, subject in enumerate(subjects)
        )

    def _fusion_of(self, opinions: Opinions) -> Fusion:
        if not opinions.left_out:
            return self._fusion
        return self.fusion_of(self._settings.fusion, [one.name for one in opinions.answered])

    def _analysis(
        self,
        facts: ImageFacts,
        detection: Detection,
        faces: tuple[FaceJudgement, ...],
        counted: int,
        opinions: Opinions,
    ) -> Analysis:
        probability = faces[counted].probability
        fusion = self._fusion_of(opinions)
        return Analysis(
            image=facts,
            decision="deepfake" if probability >= fusion.threshold else "bona_fide",
            score=centred(probability, fusion.threshold),
            probability=probability,
            threshold=fusion.threshold,
            # A calibration holds for all detectors together.
            bpcer=self._settings.bpcer if opinions.left_out else self.bpcer,
            faces=faces,
            counted=counted,
            faces_found=len(detection.faces),
            reasons=_warnings(faces, detection),
            fusion=fusion.name,
            # A judgement without some detectors is never taken for the one of them all.
            fingerprint=self._fingerprint(opinions),
            timings={},
            left_out=opinions.left_out,
        )

    @property
    def fusion(self) -> str:
        """The name of the fusion in force."""
        return self._fusion.name

    def _identity(self) -> str:
        """SHA-256 of everything that a probability depends on besides the pixels."""
        return _digest(
            {
                "detectors": [detector.identity for detector in self._detectors],
                "face_detectors": self._face_manifests,
                "fusion": self._fusion.card(),
            }
        )

    def _fingerprint(self, opinions: Opinions | None = None) -> str:
        """Short hash of everything that an answer depends on besides the image."""
        if opinions is not None and not opinions.left_out:
            return self.fingerprint
        settings = self._settings.model_dump(mode="json", include=ANSWERING)
        parts = {
            "service": __version__,
            "models": self.identity,
            "fusion": self._fusion.card(),
            "left_out": opinions.left_out if opinions else (),
            "settings": {**settings, "refuse": sorted(settings["refuse"])},
        }
        return _digest(parts)[:16]


def _digest(parts: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


class _Stopwatch:
    """Milliseconds of each stage, and of everything since it was made."""

    def __init__(self) -> None:
        self._start = perf_counter()
        self._stages: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = perf_counter()
        yield
        self._stages[name] = _milliseconds(start)

    def timings(self) -> dict[str, float]:
        return {**self._stages, "total": _milliseconds(self._start)}


def _milliseconds(start: float) -> float:
    return round((perf_counter() - start) * 1000, 3)


def _facts(data: bytes, image: DecodedImage, detection: Detection) -> ImageFacts:
    sha256 = hashlib.sha256(data).hexdigest()
    return ImageFacts(sha256, image.format, image.width, image.height, detection.rotation)


def _scores(opinions: Opinions, index: int) -> tuple[DetectorScore, ...]:
    pairs = zip(opinions.answered, opinions.probabilities(index), strict=True)
    return tuple(DetectorScore(one.name, one.version, value) for one, value in pairs)


def _box(face: Face, scale: float) -> Box:
    x, y, width, height = (v * scale for v in (face.x, face.y, face.width, face.height))
    return Box(x, y, width, height)


def _warnings(faces: tuple[FaceJudgement, ...], detection: Detection) -> tuple[Reason, ...]:
    """Every reason once: of the number of faces, then of the faces in their order."""
    several = [Reason.TOO_MANY_FACES] if len(prominent(detection.faces)) > 1 else []
    found = [reason for face in faces for reason in face.quality.reasons]
    return tuple(dict.fromkeys([*several, *found]))
