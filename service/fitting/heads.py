"""Fit new heads on gathered features, and predict with them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from service import __version__
from service.analysis.detectors.onnx import OnnxDetector
from service.analysis.image import Analyzer
from service.errors import StartupError
from service.fitting import report_metrics
from service.fitting.calibration import CURVE, platt
from service.fitting.dataset import Scored
from service.fitting.features import ImageFeatures
from service.fitting.head_regression import LinearHead, Sample, refit
from service.fitting.metrics import sigmoid
from service.fitting.paired_bootstrap import Comparison, compare
from service.fitting.split import Album
from service.repository.checksums import RESTORE
from service.repository.heads import (
    HeadImages,
    HeadRecord,
    MadeFor,
    OwnHead,
    archive,
    basis,
    file_name,
)
from service.repository.manifest import Calibration, OperatingPoint

TOLERANCE = 0.01  # of a probability: what features and head make, against what the model said


@dataclass(frozen=True, eq=False)
class Retrained:
    """A new head of one detector, its place among the detectors, and how it did on images that
    were held out."""

    place: int
    linear: LinearHead
    head: OwnHead
    comparison: Comparison

    def said(self, features: np.ndarray) -> np.ndarray:
        """F probabilities of FxN features."""
        return _calibrated(self.linear.logits(features), self.head.record.calibration)


@dataclass(frozen=True, eq=False)
class Material:
    """The images of an album, and what was seen of each."""

    album: Album
    seen: tuple[ImageFeatures, ...]

    @property
    def has_score(self) -> np.ndarray:
        return np.array([one.said.shape[1] > 0 for one in self.seen], bool)

    def first_faces(self, place: int, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(what a detector said, its features) of the most prominent faces of these images."""
        seen = [one for one, wanted in zip(self.seen, chosen, strict=True) if wanted]
        said = np.array([one.said[place, 0] for one in seen])
        return said, np.stack([one.features[place][0] for one in seen])

    def scored(self, probability: np.ndarray, chosen: np.ndarray) -> Scored:
        """These images with these probabilities, NaN where there is no answer."""
        code = np.array([one.code for one in self.seen], dtype=str)
        album = self.album
        parts = (code, album.fake, album.source, album.unit)
        return Scored(probability, *(part[chosen] for part in parts))


def retrain(detector: OnnxDetector, place: int, material: Material, bpcer: float) -> Retrained:
    """Fit, calibrate and judge another head. Raises StartupError when that cannot be done."""
    album, has_score = material.album, material.has_score
    fitted, held = has_score & ~album.held_out, has_score & album.held_out
    said, features = material.first_faces(place, fitted)
    shipped = LinearHead(*detector.head())
    _check(detector, shipped, said, features)
    sample = Sample(features, album.fake[fitted], album.source[fitted], album.unit[fitted])
    linear, ridge = refit(sample, shipped)
    before, features = material.first_faces(place, held)
    logits = linear.logits(features)
    slope, intercept = platt(material.scored(sigmoid(logits), held))
    calibration = Calibration(slope=slope, intercept=intercept)
    scored = material.scored(_calibrated(logits, calibration), held)
    comparison = compare(before, scored.probability, scored, bpcer)
    own = {
        "ridge": ridge,
        "images": _images(sample, scored),
        "figures": comparison.figures(),
        "calibration": calibration,
        "operating_points": _points(scored, bpcer),
    }
    return Retrained(place, linear, _own_head(detector, linear, own), comparison)


def fused(
    analyzer: Analyzer,
    seen: Sequence[ImageFeatures],
    retrained: Mapping[int, Retrained] | None = None,
) -> np.ndarray:
    """The probability of each image's worst face, NaN where there is none; `retrained` by place."""
    fusion = analyzer.policy.fusion
    return np.array(
        [
            max(
                (fusion.probability(face.tolist()) for face in _said(one, retrained).T),
                default=np.nan,
            )
            for one in seen
        ]
    )


def _said(seen: ImageFeatures, retrained: Mapping[int, Retrained] | None) -> np.ndarray:
    said = seen.said.copy()
    for place, new in (retrained or {}).items():
        if said.shape[1]:
            said[place] = new.said(seen.features[place])
    return said


def _check(
    detector: OnnxDetector, shipped: LinearHead, said: np.ndarray, features: np.ndarray
) -> None:
    again = _calibrated(shipped.logits(features), detector.manifest.calibration)
    if not np.allclose(again, said, atol=TOLERANCE):
        raise StartupError(
            f"The head that the manifest of the model {detector.name} names does not make its"
            " logit.",
            RESTORE,
        )


def _own_head(detector: OnnxDetector, linear: LinearHead, own: Mapping[str, object]) -> OwnHead:
    content, manifest = archive(linear.weight, linear.bias), detector.manifest
    made = {
        "made_for": MadeFor(name=manifest.name, version=manifest.version, basis=basis(manifest)),
        "made_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "service": __version__,
        "file": file_name(manifest.name, content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    return OwnHead(HeadRecord.model_validate({**made, **own}), content)


def _images(sample: Sample, held: Scored) -> HeadImages:
    return HeadImages(
        genuine=int((~sample.fake).sum()),
        attacks=int(sample.fake.sum()),
        genuine_held_out=int((~held.fake).sum()),
        attacks_held_out=int(held.fake.sum()),
    )


def _points(held: Scored, bpcer: float) -> tuple[OperatingPoint, ...]:
    found = report_metrics.thresholds(held.probability[~held.fake], {*CURVE, bpcer})
    if bpcer not in found:
        raise StartupError(
            "Too many of the genuine images held out have the same score, so no threshold keeps"
            " that rate.",
            "Add images of other people.",
        )
    return tuple(OperatingPoint(bpcer=rate, threshold=value) for rate, value in found.items())


def _calibrated(logits: np.ndarray, calibration: Calibration) -> np.ndarray:
    return sigmoid(calibration.slope * logits + calibration.intercept)
