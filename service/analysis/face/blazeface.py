"""Finds faces with BlazeFace, upright or in a sideways photograph, near or filling the frame.

Short range first; a usual selfie is settled by that one pass. A face that fills the frame is larger
than BlazeFace was trained for, so a doubtful image is tried again shrunk into a wide black border,
and turned by 90, 180 and 270 degrees: BlazeFace also finds sideways faces, but with a lower score
and leaning keypoints, so the most confident upright reading wins and the given orientation has a
small advantage. Full range, for faces further away, is asked only where short range is unconvinced.
What is still in doubt after that, or turned, is settled by a second look at parts of the image.
Method: V. Bazarevsky et al., BlazeFace: Sub-millisecond Neural Face Detection on Mobile GPUs, 2019.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from service.analysis.face.second_look import CONFIRMED, Reading, SecondLook, confirms, rotate
from service.errors import StartupError
from service.repository.session import open_session

RIGHT_EYE, LEFT_EYE, NOSE_TIP, MOUTH, RIGHT_EAR, LEFT_EAR = range(6)
SAME_FACE_IOU = 0.3  # BlazeFace's own threshold for boxes of one face
SHORT_PADDINGS = (0.0, 0.4)  # border on each side, as a fraction of the longer side
FULL_PADDINGS = (0.0, 0.8)
# Scores: measured on upright and turned training photographs, see training/experiments/README.md
SURE, SETTLED, TURNED = 0.87, 0.65, 0.7  # no doubt; no need of full range; least for a turned image
LARGE, SEEN_CLOSER = 0.25, 0.6  # of the longer side; least score of such a face looked at by itself
SMALL = 16  # times the width of a small face fit into the longer side: 16 points of full range
UPRIGHT_BONUS, LEAN_MALUS = 0.05, 0.2
MAX_LEAN = 45.0  # degrees; more than this looks like a sideways photograph


@dataclass(frozen=True, eq=False)
class Face:
    """One face, in pixels of the upright image; the box may stick out of the image.

    `keypoints` is 6x2: right eye, left eye (the person's own right and left), nose tip, mouth
    centre, right ear tragion, left ear tragion. `score` is BlazeFace's confidence, 0..1.
    """

    x: float
    y: float
    width: float
    height: float
    score: float
    keypoints: np.ndarray

    @property
    def lean(self) -> float:
        """Degrees, -180..180, by which the eyes-to-mouth axis leans clockwise; 0 is upright."""
        down = self.keypoints[MOUTH] - self.keypoints[[RIGHT_EYE, LEFT_EYE]].mean(axis=0)
        return float(np.degrees(np.arctan2(-down[0], down[1])))

    @property
    def leans(self) -> bool:
        """Whether it looks like a face of a sideways photograph."""
        return abs(self.lean) > MAX_LEAN

    @property
    def box(self) -> tuple[float, float, float, float]:
        """x, y, width, height."""
        return self.x, self.y, self.width, self.height

    def sureness(self, turn: int) -> float:
        """Its score, less if it leans, a little more if the image was not turned to find it."""
        malus = LEAN_MALUS if self.leans else 0.0
        return self.score - malus + (UPRIGHT_BONUS if turn == 0 else 0.0)

    def moved(self, left: float, top: float) -> Face:
        """The same face in a larger image, of which this one's begins at (left, top)."""
        keypoints = self.keypoints + np.array([left, top])
        return replace(self, x=self.x + left, y=self.y + top, keypoints=keypoints)


@dataclass(frozen=True, eq=False)
class Detection:
    """`image` is the upright image that `faces` refer to, HxWx3 uint8 RGB.

    It is the given one turned clockwise by `rotation` degrees (0, 90, 180 or 270). `faces` is
    sorted, most prominent (large and central) first, and empty where none was found.
    """

    faces: tuple[Face, ...]
    rotation: int
    image: np.ndarray


class FaceDetector:
    """Both BlazeFace models of a models folder. Safe to share between threads.

    Raises StartupError when a model is missing or damaged.
    """

    def __init__(self, models_dir: Path, *, threads: int = 1, min_score: float = 0.5) -> None:
        self._short = _BlazeFace(Path(models_dir) / "blazeface-short", threads)
        self._full = _BlazeFace(Path(models_dir) / "blazeface-full", threads)
        self._second = SecondLook(self._short, self._full)
        self._min_score = min_score

    def try_out(self) -> None:
        """Run both models once, on a blank image."""
        for model in (self._short, self._full):
            model.find(np.zeros((256, 256, 3), np.uint8), 0, self._min_score)

    def detect(self, image: np.ndarray) -> Detection:
        """Faces of an HxWx3 uint8 RGB image of any size."""
        first = self._first(image)
        if not first.rotation and _confidence(first) >= SURE:
            return first
        known = self._seen_closer(first)
        if known:
            first = replace(first, faces=(known[0].face, *first.faces[1:]))
        if known and not first.rotation:
            return first
        found = self._second.search(image, known)
        return first if known and found[0].turn == first.rotation else _of(image, found)

    def _first(self, image: np.ndarray) -> Detection:
        """What the whole image shows; a face of which is doubtful unless it is sure and upright."""
        near = self._search(image, self._short, SHORT_PADDINGS)
        if _confidence(near) >= SETTLED:
            return near
        return max(near, self._search(image, self._full, FULL_PADDINGS), key=_confidence)

    def _seen_closer(self, detection: Detection) -> list[Reading]:
        """The most prominent face, if it is one and upright when it is looked at by itself, too.

        A face that fills the image is never quite as sure that way. Where a small one lies, the
        closer look tells better: of one in a long screenshot, the first saw a few points.
        """
        image, faces = detection.image, detection.faces[:1]
        small = max(image.shape[:2]) / SMALL
        readings = [(face, self._second.closer(image, face)) for face in faces]
        return [
            Reading(closer.face if closer.face.width < small else face, detection.rotation)
            for face, closer in readings
            if closer and not closer.turn and confirms(closer, _least(face, image))
        ]

    def _search(self, image: np.ndarray, model: _BlazeFace, paddings: Sequence[float]) -> Detection:
        """The image as it is if that is sure, else the most convincing of the four turns."""
        found = [self._upright(image, 0, model, paddings, self._min_score)]
        if _confidence(found[0]) < SURE:
            least = max(self._min_score, TURNED)
            turns = ((rotate(image, turn), turn) for turn in (90, 180, 270))
            found += [self._upright(*turned, model, paddings, least) for turned in turns]
        return max(found, key=_confidence)

    def _upright(
        self,
        image: np.ndarray,
        turn: int,
        model: _BlazeFace,
        paddings: Sequence[float],
        least: float,
    ) -> Detection:
        """The first sure padding, else the most convincing one."""
        best = Detection((), turn, image)
        for padding in paddings:
            faces = _by_prominence(model.find(image, padding, least), image)
            best = max(best, Detection(tuple(faces), turn, image), key=_confidence)
            if _confidence(best) >= SURE:
                break
        return best


class _BlazeFace:
    """One of the two networks, with its anchors."""

    def __init__(self, folder: Path, threads: int) -> None:
        manifest = _read_manifest(folder)
        self._size: int = manifest["input"]["size"]
        self._anchors = _anchors(manifest["grids"])
        self._session = open_session(folder / manifest["file"], threads)

    def find(self, image: np.ndarray, padding: float, min_score: float) -> list[Face]:
        """Faces in pixels of `image`, most confident first."""
        canvas, scale, offset = letterbox(image, self._size, padding)
        tensor = canvas.transpose(2, 0, 1)[None].astype(np.float32) / 127.5 - 1.0
        boxes, logits = self._session.run(["boxes", "scores"], {"image": tensor})
        scores = 1 / (1 + np.exp(-np.clip(logits[0, :, 0], -80, 80)))
        kept = scores >= min_score
        points = _decode(boxes[0][kept], self._anchors[kept], self._size)
        merged = _weighted_nms(points, scores[kept])
        return [_face((p - offset) / scale, score) for p, score in merged]


def letterbox(
    image: np.ndarray, size: int, padding: float = 0.0
) -> tuple[np.ndarray, float, np.ndarray]:
    """The image centred in a black size x size square, `padding` of its longer side around it.

    Returns (canvas, scale, offset): a point p of the image lies at p * scale + offset (x, y).
    Rows and columns are first skipped, so that a large photograph is cheap to shrink.
    """
    height, width = image.shape[:2]
    scale = size / (max(height, width) * (1 + 2 * padding))
    step = max(1, int(1 / scale / 2))
    shape = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(image[::step, ::step], shape, interpolation=cv2.INTER_AREA)
    left, top = (size - shape[0]) // 2, (size - shape[1]) // 2
    canvas = np.zeros((size, size, 3), np.uint8)
    canvas[top : top + shape[1], left : left + shape[0]] = small
    return canvas, scale, np.array([left, top], float)


def _anchors(grids: list[list[int]]) -> np.ndarray:
    """Nx2 anchor centres in 0..1, in the order of the network's rows."""
    parts = []
    for cells, repeats in grids:
        centres = (np.arange(cells) + 0.5) / cells
        grid = np.stack(np.meshgrid(centres, centres), axis=-1).reshape(-1, 2)
        parts.append(np.repeat(grid, repeats, axis=0))
    return np.concatenate(parts)


def _decode(raw: np.ndarray, anchors: np.ndarray, size: int) -> np.ndarray:
    """Nx16 network rows -> Nx8x2 pixels of the canvas: two corners, then six keypoints."""
    points = raw.reshape(-1, 8, 2).astype(float)
    half = points[:, 1] / 2
    points += anchors[:, None] * size
    centre = points[:, 0].copy()
    points[:, 0], points[:, 1] = centre - half, centre + half
    return points


def _weighted_nms(points: np.ndarray, scores: np.ndarray) -> list[tuple[np.ndarray, float]]:
    """Overlapping boxes become their score-weighted mean, as BlazeFace asks for."""
    merged = []
    order = np.argsort(-scores)
    while order.size:
        same = _iou(points[order[0]], points[order]) > SAME_FACE_IOU
        same[0] = True
        weights = scores[order[same]]
        mean = np.average(points[order[same]], axis=0, weights=weights)
        merged.append((mean, float(scores[order[0]])))
        order = order[~same]
    return merged


def _iou(one: np.ndarray, many: np.ndarray) -> np.ndarray:
    sides = np.minimum(one[1], many[:, 1]) - np.maximum(one[0], many[:, 0])
    shared = np.clip(sides, 0, None).prod(axis=1)
    areas = np.abs(many[:, 1] - many[:, 0]).prod(axis=1)
    return np.asarray(shared / (areas + np.abs(one[1] - one[0]).prod() - shared + 1e-9))


def _face(points: np.ndarray, score: float) -> Face:
    (x, y), (width, height) = points[0], points[1] - points[0]
    return Face(float(x), float(y), float(width), float(height), score, points[2:])


def _prominence(face: Face, image: np.ndarray) -> float:
    """Area, halved for a face at the very border of the image."""
    height, width = image.shape[:2]
    off_x = (face.x + face.width / 2) / width - 0.5
    off_y = (face.y + face.height / 2) / height - 0.5
    return face.width * face.height * (1 - min(float(np.hypot(off_x, off_y)), 0.5))


def _confidence(detection: Detection) -> float:
    """Sureness of the most prominent face."""
    return detection.faces[0].sureness(detection.rotation) if detection.faces else 0.0


def _least(face: Face, image: np.ndarray) -> float:
    """Score that a close look must give a face."""
    return SEEN_CLOSER if face.width >= LARGE * max(image.shape) else CONFIRMED


def _of(image: np.ndarray, readings: Sequence[Reading]) -> Detection:
    """The image, turned as the readings say, and their faces."""
    turn = readings[0].turn if readings else 0
    upright = rotate(image, turn) if turn else image
    faces = _by_prominence([reading.face for reading in readings], upright)
    return Detection(tuple(faces), turn, upright)


def _by_prominence(faces: list[Face], image: np.ndarray) -> list[Face]:
    return sorted(faces, key=lambda face: _prominence(face, image), reverse=True)


def _read_manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
        digest = hashlib.sha256((folder / manifest["file"]).read_bytes()).hexdigest()
    except (OSError, ValueError, KeyError) as error:
        reason = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
        raise StartupError(
            f"The face detector {folder.name} cannot be read: {reason}.",
            "Restore the models folder.",
        ) from None
    if digest != manifest["sha256"]:
        raise StartupError(
            f"The face detector {folder.name} is damaged: its checksum differs from its manifest.",
            "Restore the models folder.",
        )
    return manifest
