"""Faces are found upright, sideways, tiny and frame-filling; and not where there are none."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from service.analysis.face.blazeface import Face, FaceDetector, _weighted_nms, letterbox, rotate
from service.errors import StartupError

ROOT = Path(__file__).parents[3]
MODELS = ROOT / "service" / "models"


@pytest.fixture(scope="module")
def detector() -> FaceDetector:
    return FaceDetector(MODELS)


@pytest.fixture(scope="module")
def selfie() -> np.ndarray:
    bgr = cv2.imread(str(ROOT / "scripts" / "demo" / "genuine.jpg"))
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)


@pytest.fixture(scope="module")
def found(detector: FaceDetector, selfie: np.ndarray) -> Face:
    return detector.detect(selfie).faces[0]


def test_one_confident_face(detector: FaceDetector, selfie: np.ndarray) -> None:
    detection = detector.detect(selfie)
    assert len(detection.faces) == 1
    assert detection.rotation == 0
    assert detection.image is selfie
    assert detection.faces[0].score > 0.8


def test_keypoints_are_where_a_face_has_them(found: Face) -> None:
    right_eye, left_eye, nose, mouth, right_ear, left_ear = found.keypoints
    assert found.keypoints.shape == (6, 2)
    assert right_ear[0] < right_eye[0] < nose[0] < left_eye[0] < left_ear[0]
    assert max(right_eye[1], left_eye[1]) < nose[1] < mouth[1] < found.y + found.height
    assert abs(found.lean) < 20


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_turned_photograph_is_set_upright(
    detector: FaceDetector, selfie: np.ndarray, found: Face, turn: int
) -> None:
    detection = detector.detect(rotate(selfie, turn))
    assert detection.rotation == 360 - turn
    assert np.array_equal(detection.image, selfie)
    assert detection.faces[0].x == pytest.approx(found.x, abs=0.1 * found.width)


def test_a_face_that_fills_the_frame(
    detector: FaceDetector, selfie: np.ndarray, found: Face
) -> None:
    x, y, w, h = (round(v) for v in (found.x, found.y, found.width, found.height))
    tight = selfie[y + h // 20 : y + h - h // 20, x + w // 20 : x + w - w // 20]
    faces = detector.detect(tight).faces
    assert faces
    assert faces[0].width > 0.75 * tight.shape[1]


@pytest.mark.parametrize("size", [(2400, 3200), (64, 64)])
def test_any_size(detector: FaceDetector, selfie: np.ndarray, size: tuple[int, int]) -> None:
    faces = detector.detect(cv2.resize(selfie, size)).faces
    assert len(faces) == 1
    assert faces[0].width < size[0]


def test_a_small_face_in_a_wide_scene(detector: FaceDetector, selfie: np.ndarray) -> None:
    scene = np.full((1200, 1600, 3), 90, np.uint8)
    small = cv2.resize(selfie, (400, 400), interpolation=cv2.INTER_AREA)
    scene[300:700, 700:1100] = small
    face = detector.detect(scene).faces[0]
    assert 700 < face.x < face.x + face.width < 1100
    assert 300 < face.y < face.y + face.height < 700


def test_two_faces_the_larger_first(detector: FaceDetector, selfie: np.ndarray) -> None:
    large, small = cv2.resize(selfie, (480, 480)), cv2.resize(selfie, (360, 360))
    scene = np.full((480, 840, 3), 90, np.uint8)
    scene[:, :480], scene[120:, 480:] = large, small
    faces = detector.detect(scene).faces
    assert len(faces) == 2
    assert faces[0].width > faces[1].width


@pytest.mark.parametrize("kind", ["noise", "flat", "one pixel", "strip"])
def test_no_face(detector: FaceDetector, kind: str) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (400, 300, 3), dtype=np.uint8)
    flat = np.full((400, 300, 3), 200, np.uint8)
    image = {"noise": noise, "flat": flat, "one pixel": flat[:1, :1], "strip": flat[:2]}[kind]
    detection = detector.detect(image)
    assert detection.faces == ()
    assert detection.rotation == 0
    assert detection.image is image


def test_letterbox_maps_points() -> None:
    image = np.zeros((200, 100, 3), np.uint8)
    image[140:160, 70:80] = 255
    canvas, scale, offset = letterbox(image, 100, padding=0.5)
    x, y = np.array([75, 150]) * scale + offset
    assert canvas.shape == (100, 100, 3)
    assert canvas[round(y), round(x)].max() > 200
    assert canvas[:25].max() == 0
    assert canvas[:, :37].max() == 0


def test_overlapping_boxes_become_their_weighted_mean() -> None:
    boxes = np.zeros((3, 8, 2))
    boxes[:, 1] = 10
    boxes[1] += 2
    boxes[2] += 100
    merged = _weighted_nms(boxes, np.array([0.9, 0.3, 0.6]))
    assert [score for _, score in merged] == [0.9, 0.6]
    assert merged[0][0][0] == pytest.approx([0.5, 0.5])


def test_a_damaged_model_is_refused_at_start(tmp_path: Path) -> None:
    for name in ("blazeface-short", "blazeface-full"):
        shutil.copytree(MODELS / name, tmp_path / name)
    with (tmp_path / "blazeface-full" / "model.onnx").open("ab") as file:
        file.write(b"!")
    with pytest.raises(StartupError, match="damaged"):
        FaceDetector(tmp_path)


def test_a_missing_model_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="cannot be read"):
        FaceDetector(tmp_path)


def test_models_declare_their_licence() -> None:
    for name in ("blazeface-short", "blazeface-full"):
        manifest = json.loads((MODELS / name / "manifest.json").read_text())
        assert manifest["kind"] == "face_detector"
        assert manifest["licence"] == "Apache-2.0"
        assert (MODELS / name / "card.md").is_file()
