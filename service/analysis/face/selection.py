"""Select the faces to judge, and refuse an image for the reasons that the settings name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from service.analysis.face.blazeface import Detection, Face
from service.analysis.face.quality import assess
from service.analysis.judgement import Quality
from service.errors import CannotJudge, Reason
from service.settings import Settings

PROMINENT = 0.35  # of the widest face's width; narrower ones are bystanders
CONFIDENT = 0.7  # score of a further face; below lie bystanders cut in half, and patterns


@dataclass(frozen=True, eq=False)
class Subject:
    """A face to be judged."""

    face: Face
    quality: Quality


def select(detection: Detection, settings: Settings, *, scale: float = 1.0) -> tuple[Subject, ...]:
    """The faces to be judged by the settings' policy, most prominent first; at least one.

    Only the most prominent face can refuse the image (raises CannotJudge); another one that is
    not fit to be judged is passed over. `scale` is stored pixels per decoded pixel.
    """
    faces = prominent_faces(detection.faces)
    _refuse(_reasons_of_number(faces, settings), settings)
    kept = 1 if settings.multi_face == "largest" else settings.max_faces
    subjects = [
        Subject(face, assess(detection.image, face, settings, scale=scale)) for face in faces[:kept]
    ]
    _refuse(subjects[0].quality.reasons, settings)
    return tuple(one for one in subjects if not settings.refuse & set(one.quality.reasons))


def prominent_faces(faces: Sequence[Face]) -> list[Face]:
    """The first face, and the others that are not bystanders, in their order."""
    least = PROMINENT * max((face.width for face in faces), default=0.0)
    others = [face for face in faces[1:] if face.width >= least and face.score >= CONFIDENT]
    return [*faces[:1], *others]


def _reasons_of_number(faces: Sequence[Face], settings: Settings) -> tuple[Reason, ...]:
    if not faces:
        raise CannotJudge(Reason.FACE_NOT_FOUND)
    if len(faces) > 1 and settings.multi_face == "refuse":
        raise CannotJudge(Reason.TOO_MANY_FACES)
    return (Reason.TOO_MANY_FACES,) if len(faces) > 1 else ()


def _refuse(reasons: Sequence[Reason], settings: Settings) -> None:
    for reason in reasons:
        if reason in settings.refuse:
            raise CannotJudge(reason)
