"""Quality of a face: poses of a known head, and each reason at its threshold."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.analysis.face.blazeface import Face, FaceDetector, rotate
from service.analysis.face.quality import HEAD, assess, head_pose
from service.errors import Reason
from service.settings import PACKAGE, Settings
from tests.images import portrait

angle = st.floats(-50, 50)


def posed(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """Keypoints of the mean head, turned in that order and seen from far away."""
    y, p, r = np.radians([yaw, -pitch, roll])
    turn = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    nod = np.array([[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]])
    lean = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    return (HEAD @ (lean @ nod @ turn).T)[:, :2] * 12.5 + [300, 200]


def face(x: float = 40, y: float = 40, side: float = 120, **pose: float) -> Face:
    angles = {"yaw": 0.0, "pitch": 0.0, "roll": 0.0, **pose}
    return Face(x, y, side, side, 0.9, posed(**angles))


def noise(mean: int = 128, spread: int = 60) -> np.ndarray:
    """A sharp grey image of 200x200."""
    grey = np.random.default_rng(1).integers(mean - spread, mean + spread + 1, (200, 200, 1))
    return np.repeat(grey, 3, axis=2).astype(np.uint8)


def reasons(image: np.ndarray, one: Face, **changes: Any) -> tuple[Reason, ...]:
    return assess(image, one, Settings(**changes)).reasons


@given(yaw=st.floats(-70, 70))
def test_yaw_of_a_known_head(yaw: float) -> None:
    assert head_pose(posed(yaw, 0, 0)) == pytest.approx((yaw, 0, 0), abs=1e-6)


@given(pitch=angle)
def test_pitch_of_a_known_head(pitch: float) -> None:
    assert head_pose(posed(0, pitch, 0)) == pytest.approx((0, pitch, 0), abs=1e-6)


@given(roll=st.floats(-170, 170))
def test_roll_of_a_known_head(roll: float) -> None:
    assert head_pose(posed(0, 0, roll)) == pytest.approx((0, 0, roll), abs=1e-6)


@given(yaw=angle, pitch=angle)
def test_a_mirrored_face_has_the_opposite_yaw(yaw: float, pitch: float) -> None:
    points = posed(yaw, pitch, 0)
    mirrored = (points * [-1, 1])[[1, 0, 2, 3, 5, 4]]
    one, other = head_pose(points), head_pose(mirrored)
    assert other == pytest.approx((-one[0], one[1], -one[2]), abs=1e-6)


def test_keypoints_in_one_place_are_no_error() -> None:
    assert all(np.isfinite(head_pose(np.full((6, 2), 7.0))))


def test_a_clear_face_has_no_reason() -> None:
    assert reasons(noise(), face()) == ()


@pytest.mark.parametrize(
    ("image", "one", "reason"),
    [
        (noise(), face(side=47), Reason.FACE_TOO_SMALL),
        (noise(), face(x=-1), Reason.FACE_CROPPED),
        (noise(), face(y=90), Reason.FACE_CROPPED),
        (noise(), face(x=3), Reason.FACE_CLOSE_TO_BORDER),
        (noise(), face(x=77), Reason.FACE_CLOSE_TO_BORDER),
        (noise(), face(yaw=46), Reason.FACE_ANGLE_TOO_LARGE),
        (noise(), face(pitch=-46), Reason.FACE_ANGLE_TOO_LARGE),
        (noise(), face(roll=46), Reason.FACE_ANGLE_TOO_LARGE),
        (noise(spread=1), face(), Reason.IMAGE_TOO_BLURRY),
        (noise(mean=22, spread=20), face(), Reason.IMAGE_TOO_DARK),
        (noise(mean=238, spread=17), face(), Reason.IMAGE_TOO_BRIGHT),
    ],
)
def test_each_reason(image: np.ndarray, one: Face, reason: Reason) -> None:
    assert reasons(image, one) == (reason,)


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ({"min_face": 130}, Reason.FACE_TOO_SMALL),
        ({"border_margin": 0.3}, Reason.FACE_CLOSE_TO_BORDER),
        ({"max_angle": 10}, Reason.FACE_ANGLE_TOO_LARGE),
        ({"min_sharpness": 1e6}, Reason.IMAGE_TOO_BLURRY),
        ({"min_brightness": 0.6}, Reason.IMAGE_TOO_DARK),
        ({"max_brightness": 0.4}, Reason.IMAGE_TOO_BRIGHT),
    ],
)
def test_each_threshold_is_a_setting(setting: dict[str, float], reason: Reason) -> None:
    assert reasons(noise(), face(yaw=20), **setting) == (reason,)


def test_the_face_width_is_in_stored_pixels() -> None:
    quality = assess(noise(), face(side=40), Settings(), scale=2.0)
    assert quality.face_width == 80
    assert Reason.FACE_TOO_SMALL not in quality.reasons


@pytest.mark.parametrize("place", [(-500, 0), (500, 500), (0, -500)])
def test_a_box_outside_of_the_image_is_cropped(place: tuple[int, int]) -> None:
    assert Reason.FACE_CROPPED in reasons(noise(), face(*place))


@pytest.fixture(scope="module")
def detector() -> FaceDetector:
    return FaceDetector(PACKAGE / "models")


class TestOnThePortrait:
    """The bundled portrait through the real face detector."""

    def found(self, detector: FaceDetector, image: np.ndarray) -> tuple[np.ndarray, Face]:
        detection = detector.detect(image)
        return detection.image, detection.faces[0]

    def test_no_reason(self, detector: FaceDetector) -> None:
        quality = assess(*self.found(detector, np.asarray(portrait())), Settings())
        assert quality.reasons == ()
        assert max(abs(quality.yaw), abs(quality.pitch), abs(quality.roll)) < 15

    @pytest.mark.parametrize("lean", [-20, 20])
    def test_a_leaning_head(self, detector: FaceDetector, lean: int) -> None:
        image, one = self.found(detector, np.asarray(portrait().rotate(-lean)))
        straight = assess(*self.found(detector, np.asarray(portrait())), Settings())
        leaning = assess(image, one, Settings())
        assert leaning.roll - straight.roll == pytest.approx(lean, abs=6)

    def test_blurred(self, detector: FaceDetector) -> None:
        image, one = self.found(detector, np.asarray(portrait()))
        blurred = cv2.GaussianBlur(image, (0, 0), one.width * 0.04)
        assert reasons(blurred, one) == (Reason.IMAGE_TOO_BLURRY,)

    def test_underexposed(self, detector: FaceDetector) -> None:
        image, one = self.found(detector, np.asarray(portrait()))
        assert Reason.IMAGE_TOO_DARK in reasons(image // 8, one)

    def test_sideways_is_judged_upright(self, detector: FaceDetector) -> None:
        image, one = self.found(detector, rotate(np.asarray(portrait()), 90))
        assert reasons(image, one) == ()
