"""Faces of frames joined into tracks, by where they are and how they look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from service.analysis.judgement import Box, FaceJudgement

LOOK = 16  # pixels a side of a face as it is compared
ALIKE, NEAR_AND_ALIKE = 0.75, 0.3  # correlation of looks, alone and where the place fits
APART = 1.0  # widths of a face that it may move between two frames
GROWN = 2.0  # ratio of widths


@dataclass(frozen=True, eq=False)
class SeenFace:
    """A judged face of a frame, and how it looks: 16x16 grey values without mean, of length 1."""

    time: float
    judgement: FaceJudgement
    look: np.ndarray


@dataclass(eq=False)
class Path:
    """The faces of one track, in the order of time."""

    faces: list[SeenFace] = field(default_factory=list)

    @property
    def width(self) -> float:
        """Median width of the face box in pixels."""
        return float(np.median([one.judgement.box.width for one in self.faces]))


def look_of(pixels: np.ndarray, box: Box, scale: float) -> np.ndarray:
    """Of the part of the frame in the box; `scale`: the box's pixels for each of the frame's."""
    x, y, width, height = (round(v / scale) for v in (box.x, box.y, box.width, box.height))
    part = pixels[max(0, y) : max(y + height, y + 1), max(0, x) : max(x + width, x + 1)]
    if not part.size:
        return np.zeros((LOOK, LOOK), np.float32)
    small = cv2.resize(part, (LOOK, LOOK), interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
    grey -= grey.mean()
    return np.asarray(grey / max(1e-6, float(np.linalg.norm(grey))))


def join(frames: Sequence[Sequence[SeenFace]]) -> list[Path]:
    """Tracks, those with the most face over the whole video first."""
    paths: list[Path] = []
    for faces in frames:
        open_paths = list(paths)
        for face in faces:  # most prominent first
            path = _best(open_paths, face)
            if path is None:
                paths.append(Path([face]))
            else:
                open_paths.remove(path)  # one face of a frame for each track
                path.faces.append(face)
    return sorted(paths, key=lambda one: one.width * len(one.faces), reverse=True)


def _best(paths: Sequence[Path], face: SeenFace) -> Path | None:
    fitting = [(_likeness(one.faces[-1], face), number) for number, one in enumerate(paths)]
    best = max(fitting, default=(0.0, -1))
    return paths[best[1]] if best[0] > 0 else None


def _likeness(before: SeenFace, now: SeenFace) -> float:
    """Correlation of looks, more where the place fits; 0 where it is another face."""
    alike = float((before.look * now.look).sum())
    near = _is_near(before.judgement.box, now.judgement.box)
    if alike < (NEAR_AND_ALIKE if near else ALIKE):
        return 0.0
    return alike + near


def _is_near(one: Box, other: Box) -> bool:
    width = max(one.width, other.width)
    x = one.x + one.width / 2 - other.x - other.width / 2
    y = one.y + one.height / 2 - other.y - other.height / 2
    return bool(np.hypot(x, y) < APART * width) and width < GROWN * min(one.width, other.width)
