"""The parts of the judgement of an image, made of what the models found."""

from __future__ import annotations

from collections.abc import Sequence

from service.analysis.decision.policy import Policy
from service.analysis.detectors.ensemble import Predictions
from service.analysis.face.blazeface import Detection, Face
from service.analysis.face.selection import Subject, prominent_faces
from service.analysis.findings import decided_by, detector_scores, finding_of
from service.analysis.judgement import (
    Box,
    FaceJudgement,
    ImageAnalysis,
    ImageFacts,
)
from service.errors import Reason
from service.media.image import DecodedImage
from service.media.medium import Medium


def face_judgements(
    policy: Policy, predictions: Predictions, subjects: Sequence[Subject], scale: float
) -> tuple[FaceJudgement, ...]:
    """The judged faces, as the detectors that answered see them."""
    fusion = policy.without(predictions.left_out).fusion
    found = (predictions.probabilities(index) for index in range(len(subjects)))
    return tuple(
        FaceJudgement(
            box=_box(subject.face, scale),
            confidence=subject.face.score,
            probability=fusion.probability(probabilities),
            detectors=detector_scores(predictions.answered, probabilities),
            quality=subject.quality,
        )
        for subject, probabilities in zip(subjects, found, strict=True)
    )


def image_analysis(
    policy: Policy,
    facts: ImageFacts,
    detection: Detection,
    faces: tuple[FaceJudgement, ...],
    predictions: Predictions,
) -> ImageAnalysis:
    """The judgement; the face with the highest probability counts."""
    in_force = policy.without(predictions.left_out)
    counted = max(range(len(faces)), key=lambda i: faces[i].probability)
    face = faces[counted]
    reasons = _warnings(faces, detection)
    finding = finding_of(policy.task, in_force, face.probability, face.detectors, reasons)
    return ImageAnalysis(
        image=facts,
        **decided_by(finding),
        faces=faces,
        counted=counted,
        faces_found=len(detection.faces),
        reasons=reasons,
        findings=(finding,),
        fusion=in_force.fusion.name,
        fingerprint=in_force.fingerprint,
        timings={},
        left_out=predictions.left_out,
    )


def facts_of(medium: Medium, image: DecodedImage, detection: Detection) -> ImageFacts:
    """What came in."""
    return ImageFacts(medium.sha256, image.format, image.width, image.height, detection.rotation)


def _box(face: Face, scale: float) -> Box:
    x, y, width, height = (v * scale for v in (face.x, face.y, face.width, face.height))
    return Box(x, y, width, height)


def _warnings(faces: tuple[FaceJudgement, ...], detection: Detection) -> tuple[Reason, ...]:
    """Every reason once: of the number of faces, then of the faces in their order."""
    several = [Reason.TOO_MANY_FACES] if len(prominent_faces(detection.faces)) > 1 else []
    found = [reason for face in faces for reason in face.quality.reasons]
    return tuple(dict.fromkeys([*several, *found]))
