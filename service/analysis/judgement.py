"""What a judgement is made of. Frozen: the same object is rendered, stored and replayed."""

from __future__ import annotations

from typing import Literal

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass

from service.errors import Reason

Decision = Literal["bona_fide", "deepfake"]


@dataclass(frozen=True)
class Box:
    """A face box in pixels of the upright image; it may stick out of the image."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class DetectorScore:
    """One detector's calibrated probability (0..1) that the face is manipulated."""

    name: str
    version: str
    probability: float


@dataclass(frozen=True)
class Quality:
    """What was measured on a face, and the reasons that the measurements give.

    Units: face_width in pixels; yaw, pitch and roll in degrees; sharpness is a variance of the
    Laplacian; brightness is the mean luma of the face, 0..1; border is the distance to the
    nearest image border as a fraction of the image's shorter side, negative when cut off.
    """

    reasons: tuple[Reason, ...]
    face_width: float
    yaw: float
    pitch: float
    roll: float
    sharpness: float
    brightness: float
    border: float


@dataclass(frozen=True)
class FaceJudgement:
    """One judged face: where it is, how confident the face detector was, what was found."""

    box: Box
    confidence: float
    probability: float
    detectors: tuple[DetectorScore, ...]
    quality: Quality


@dataclass(frozen=True)
class ImageFacts:
    """The input: SHA-256 of its bytes, format by content, size as stored, rotation that helped."""

    sha256: str
    format: str
    width: int
    height: int
    rotation: int


@dataclass(frozen=True)
class Analysis:
    """The judgement of one image.

    probability: calibrated probability (0..1) of the face that counts.
    threshold: probability from which on the decision is `deepfake`; it stands for `bpcer`.
    score: probability re-centred in log-odds so that 0.5 is the decision line.
    faces: most prominent first; `counted` is the index of the face that decided.
    left_out: names of detectors that failed; the others answered without them.
    timings: milliseconds a stage (`decode`, `detect`, `infer`, `total`; `explain` when asked for).
    """

    image: ImageFacts
    decision: Decision
    score: float
    probability: float
    threshold: float
    bpcer: float
    faces: tuple[FaceJudgement, ...]
    counted: int
    faces_found: int
    reasons: tuple[Reason, ...]
    fusion: str
    fingerprint: str
    timings: dict[str, float]
    left_out: tuple[str, ...] = ()
    heat_map: str | None = None  # PNG data URI, only when it was asked for


ANALYSIS = TypeAdapter(Analysis)
