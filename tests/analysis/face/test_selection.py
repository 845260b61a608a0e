"""Who is judged: bystanders, several people, and the reasons that refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from service.analysis.face.blazeface import Detection, Face
from service.analysis.face.selection import Subject, select
from service.errors import CannotJudge, Reason
from service.settings import Settings
from tests.analysis.face.test_quality import posed

NOISE = np.random.default_rng(2).integers(60, 200, (400, 900, 3)).astype(np.uint8)


def face(x: float, side: float, score: float = 0.9, yaw: float = 0) -> Face:
    return Face(x, 50, side, side, score, posed(yaw, 0, 0))


def chosen(*faces: Face, **changes: Any) -> tuple[Subject, ...]:
    return select(Detection(faces, 0, NOISE), Settings(**changes))


def positions(*faces: Face, **changes: Any) -> list[float]:
    return [subject.face.x for subject in chosen(*faces, **changes)]


def refusal(*faces: Face, **changes: Any) -> Reason:
    with pytest.raises(CannotJudge) as caught:
        chosen(*faces, **changes)
    return caught.value.reason


def test_several_prominent_faces_are_judged() -> None:
    assert positions(face(50, 200), face(400, 150)) == [50, 400]


def test_a_much_smaller_face_is_a_bystander() -> None:
    assert positions(face(50, 200), face(400, 69)) == [50]


def test_an_unconvincing_further_face_is_a_bystander() -> None:
    assert positions(face(50, 200), face(400, 190, score=0.69)) == [50]
    assert positions(face(50, 200, score=0.6)) == [50]


def test_no_more_than_the_setting_says() -> None:
    faces = [face(20 + 210 * i, 200) for i in range(4)]
    assert positions(*faces) == [20, 230, 440]
    assert positions(*faces, max_faces=2) == [20, 230]


def test_only_the_most_prominent_by_policy() -> None:
    assert positions(face(50, 200), face(400, 190), multi_face="largest") == [50]


def test_refused_by_policy_or_by_reason() -> None:
    two = face(50, 200), face(400, 190)
    assert refusal(*two, multi_face="refuse") is Reason.TOO_MANY_FACES
    assert refusal(*two, refuse="TOO_MANY_FACES") is Reason.TOO_MANY_FACES
    assert positions(face(50, 200), face(400, 60), multi_face="refuse") == [50]


@pytest.mark.parametrize("refuse", ["FACE_NOT_FOUND", ""])
def test_without_a_face_nothing_is_made_up(refuse: str) -> None:
    assert refusal(refuse=refuse) is Reason.FACE_NOT_FOUND


def test_the_default_refuses_a_small_face_only() -> None:
    assert refusal(face(50, 40)) is Reason.FACE_TOO_SMALL
    assert positions(face(-20, 200, yaw=60)) == [-20]


def test_each_reason_can_be_made_to_refuse() -> None:
    assert (
        refusal(face(50, 200, yaw=60), refuse="FACE_ANGLE_TOO_LARGE") is Reason.FACE_ANGLE_TOO_LARGE
    )
    assert positions(face(50, 40), refuse="FACE_ANGLE_TOO_LARGE") == [50]


def test_a_second_face_that_is_not_fit_is_passed_over() -> None:
    assert positions(face(50, 100), face(400, 40)) == [50]
