"""A face that is small in a large photograph is found upright, and nothing where there is none."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from service.analysis.face.blazeface import Detection, FaceDetector
from service.analysis.face.second_look import SecondLook, box_iou, rotate, turned_box
from service.media.image import decode
from tests.thorough import THOROUGH

ROOT = Path(__file__).parents[3]
MODELS = ROOT / "service" / "models"
HEIGHT, WIDTH = 3000, 4000
TURNS = (0, 90, 180, 270)


@pytest.fixture(scope="module")
def detector() -> FaceDetector:
    return FaceDetector(MODELS)


@pytest.fixture(scope="module")
def selfie() -> np.ndarray:
    bgr = cv2.imread(str(ROOT / "scripts" / "demo" / "genuine.jpg"))
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)


@pytest.fixture(scope="module")
def backdrops() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(4)
    mottled = np.full((HEIGHT, WIDTH, 3), 128, np.float32)
    for cells in (3, 9, 27, 81):
        blots = rng.normal(0, 22, (cells, cells, 3)).astype(np.float32)
        mottled += cv2.resize(blots, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    plain = np.full((HEIGHT, WIDTH, 3), 170, np.uint8)
    return {"plain": plain, "mottled": mottled.clip(0, 255).astype(np.uint8)}


Box = tuple[float, float, float, float]


def scene_of(
    detector: FaceDetector, selfie: np.ndarray, backdrop: np.ndarray, width: int
) -> tuple[np.ndarray, Box]:
    """The selfie off the middle of the backdrop, its face `width` pixels wide; where that is."""
    face = detector.detect(selfie).faces[0]
    factor = width / face.width
    small = cv2.resize(selfie, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    scene, left, top = backdrop.copy(), 2700, 700
    scene[top : top + small.shape[0], left : left + small.shape[1]] = small
    x, y, w, h = (value * factor for value in face.box)
    return scene, (x + left, y + top, w, h)


def seen(detector: FaceDetector, scene: np.ndarray) -> tuple[Detection, float]:
    """As the service sees an upload of it, and its pixels per pixel that is looked at."""
    _, data = cv2.imencode(".jpg", scene[..., ::-1])
    image = decode(data.tobytes(), max_pixels=50_000_000)
    return detector.detect(image.pixels), image.scale


EVERY = [(b, w, t) for b in ("plain", "mottled") for w in (120, 250, 350) for t in TURNS]
UPRIGHT = [one for one in EVERY if not one[2]]
SOME = [*UPRIGHT, *(("mottled", 120, turn) for turn in TURNS[1:])]


@pytest.mark.slow
@pytest.mark.parametrize(("backdrop", "width", "turn"), EVERY if THOROUGH else SOME)
def test_a_small_face_is_found_where_it_is(
    detector: FaceDetector,
    selfie: np.ndarray,
    backdrops: dict[str, np.ndarray],
    backdrop: str,
    width: int,
    turn: int,
) -> None:
    scene, truth = scene_of(detector, selfie, backdrops[backdrop], width)
    detection, scale = seen(detector, rotate(scene, turn))
    assert detection.rotation == -turn % 360
    assert len(detection.faces) == 1
    x, y, w, h = (value * scale for value in detection.faces[0].box)
    assert box_iou((x, y, w, h), truth) > 0.7


@pytest.mark.slow
@pytest.mark.parametrize("backdrop", ["plain", "mottled"])
@pytest.mark.parametrize("turn", [0, 180])
def test_nothing_is_found_without_a_face(
    detector: FaceDetector,
    selfie: np.ndarray,
    backdrops: dict[str, np.ndarray],
    backdrop: str,
    turn: int,
) -> None:
    scene, (x, y, w, h) = scene_of(detector, selfie, backdrops[backdrop], 350)
    covered = [round(value) for value in (y - 0.4 * h, y + 1.1 * h, x - 0.1 * w, x + 1.1 * w)]
    scene[covered[0] : covered[1], covered[2] : covered[3]] = 40
    detection, _ = seen(detector, rotate(scene, turn))
    assert detection.faces == ()
    assert detection.rotation == 0


def test_a_usual_selfie_is_not_looked_at_twice(
    detector: FaceDetector, selfie: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = []
    find = detector._short.find
    monkeypatch.setattr(detector._short, "find", lambda *of: runs.append("short") or find(*of))
    monkeypatch.setattr(detector._full, "find", lambda *of: runs.append("full") or [])
    assert detector.detect(selfie).faces
    assert runs == ["short"]


class Everywhere:
    """A network that sees a doubtful face in the middle of whatever it is shown."""

    def __init__(self, face: object) -> None:
        self.face, self.runs = face, 0

    def find(self, image: np.ndarray, padding: float, min_score: float) -> list[object]:
        self.runs += 1
        return [self.face] * 50


def test_patterns_that_look_like_faces_cost_no_more(
    detector: FaceDetector, selfie: np.ndarray
) -> None:
    never, many = Everywhere(None), Everywhere(detector.detect(selfie).faces[0])
    never.find = lambda *of: setattr(never, "runs", never.runs + 1) or []  # type: ignore[method-assign]
    SecondLook(never, many).search(np.zeros((1500, 2000, 3), np.uint8))
    tilings = 3 + 3 * 2  # as it stands, and turned
    assert many.runs == (1 + 6 + 35) + 3 * (1 + 6)
    assert never.runs <= tilings * 12 * 4


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_a_box_turns_with_its_image(turn: int) -> None:
    image = np.zeros((30, 50), np.uint8)
    image[5:12, 20:40] = 1
    x, y, w, h = (int(v) for v in turned_box((20, 5, 20, 7), image.shape, turn))
    turned = rotate(image, turn)
    assert turned[y : y + h, x : x + w].all()
    assert turned.sum() == w * h


@pytest.mark.parametrize(
    ("height", "width", "top"), [(2400, 270, 1000), (1650, 270, 375), (1900, 293, 625)]
)
def test_the_face_in_a_long_screenshot_is_boxed_as_in_the_selfie(
    detector: FaceDetector, selfie: np.ndarray, height: int, width: int, top: int
) -> None:
    """As decoding shrinks 1080x9600; the whole of it shows the face as eight points."""
    small = cv2.resize(selfie, (250, 250), interpolation=cv2.INTER_AREA)
    image = np.full((height, width, 3), 240, np.uint8)
    image[top : top + 250, 10:260] = small
    x, y, w, h = detector.detect(small).faces[0].box
    (found,) = detector.detect(image).faces
    assert box_iou(found.box, (x + 10, y + top, w, h)) > 0.8
