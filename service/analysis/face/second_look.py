"""A second look at a photograph in which the first one finds no face, or a doubtful one.

Full range proposes places in the whole image, in halves and in quarters of it, which overlap: the
smaller the tile, the larger a small face is in it. Each place is then cut out and looked at by
short range as if it were a selfie, in all four turns. Only a face that is seen there, too, counts;
patterns, helmets and blots that pass for a face at a distance do not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Protocol

import numpy as np

from service.analysis.face.crop import crop_box, cut

if TYPE_CHECKING:  # that module needs this one
    from service.analysis.face.blazeface import Face

TURNS = (0, 90, 180, 270)
DIVISIONS = (1, 2, 4)  # tiles along the longer side, if they did not overlap
SMALLEST_TILE = 192  # pixels: what full range looks at; smaller tiles would only be enlarged
ZOOM = 2.5  # side of the place cut out, in widths of the face: as in a usual selfie
# Scores, measured by training/report/face_recall.py: worth a close look; no longer in doubt by it
PROPOSED, CONFIRMED = 0.3, 0.8
MOST_PLACES = 12  # looked at per size of tile: patterns that look like faces must not cost more
SAME_PLACE_IOU = 0.3
CLEARLY = 0.1  # surer than an upright face must a turned one be


class Network(Protocol):
    """One of the two BlazeFace models."""

    def find(self, image: np.ndarray, padding: float, min_score: float) -> list[Face]:
        """Faces in pixels of `image`, most confident first."""


@dataclass(frozen=True, eq=False)
class Reading:
    """A face in pixels of the image after it was turned clockwise by `turn` degrees."""

    face: Face
    turn: int

    @property
    def sureness(self) -> float:
        return self.face.sureness(self.turn)


class SecondLook:
    """Short range and full range, looking at parts of an image."""

    def __init__(self, short: Network, full: Network) -> None:
        self._short, self._full = short, full

    def search(self, image: np.ndarray, turned: Sequence[Reading] = ()) -> list[Reading]:
        """Confirmed faces, all of one turn, in no order: those of the image as it is if any.

        `turned`: those known already. An upright face in tiles narrower than a turned one would be
        a bystander's, so such tiles are not looked at.
        """
        known = list(turned)
        for tiles in _tilings(*image.shape[:2]):
            if any(reading.face.width >= tiles[0][2] for reading in known):
                break
            seen = self._confirmed(image, self._proposed(image, tiles))
            known += [reading for reading in seen if reading.turn]
            upright = [reading for reading in seen if not reading.turn]
            if upright and not _clearly_surer(known, upright):
                return upright
        known = known or self._in_turned(image)
        surest = max(known, key=lambda reading: reading.sureness, default=None)
        return _distinct(one for one in known if surest and one.turn == surest.turn)

    def _in_turned(self, image: np.ndarray) -> list[Reading]:
        """What full range sees only in a turned image; quarters of it would cost too much."""
        return [
            Reading(reading.face, turn)
            for turn, upright in ((turn, rotate(image, turn)) for turn in TURNS[1:])
            for tiles in islice(_tilings(*upright.shape[:2]), 2)
            for reading in self._confirmed(upright, self._proposed(upright, tiles))
            if not reading.turn
        ]

    def closer(self, image: np.ndarray, face: Face) -> Reading | None:
        """The surest reading of the place of one face, looked at by itself in all four turns."""
        readings = [reading for turn in TURNS for reading in self._turned(image, face, turn)]
        return max(readings, key=lambda reading: reading.sureness, default=None)

    def _proposed(self, image: np.ndarray, tiles: list[Tile]) -> list[Face]:
        """Places worth a close look, the likeliest first."""
        faces = [
            face.moved(left, top)
            for left, top, side in tiles
            for face in self._full.find(image[top : top + side, left : left + side], 0.0, PROPOSED)
        ]
        return [one.face for one in _distinct(Reading(face, 0) for face in faces)][:MOST_PLACES]

    def _confirmed(self, image: np.ndarray, places: list[Face]) -> list[Reading]:
        readings = (self.closer(image, place) for place in places)
        return _distinct(one for one in readings if one and confirms(one))

    def _turned(self, image: np.ndarray, face: Face, turn: int) -> Iterator[Reading]:
        """Faces at the very place, as they are seen after a turn."""
        square = crop_box(face, ZOOM)
        place = turned_box(face.box, image.shape, turn)
        left, top, _, _ = turned_box((*square, square[2]), image.shape, turn)
        for found in self._short.find(rotate(cut(image, *square), turn), 0.0, PROPOSED):
            moved = found.moved(left, top)
            if box_iou(moved.box, place) > SAME_PLACE_IOU:
                yield Reading(moved, turn)


Tile = tuple[int, int, int]  # left, top, side
Box = tuple[float, float, float, float]  # x, y, width, height


def confirms(closer: Reading, least: float = CONFIRMED) -> bool:
    """Whether a close look leaves no doubt."""
    return closer.face.score >= least and not closer.face.leans


def rotate(image: np.ndarray, clockwise: int) -> np.ndarray:
    """The image turned clockwise by 0, 90, 180 or 270 degrees, contiguous."""
    return np.ascontiguousarray(np.rot90(image, -(clockwise // 90)))


def turned_box(box: Box, shape: Sequence[int], clockwise: int) -> Box:
    """The box after an image of the shape (height, width) was turned."""
    height, width = shape[:2]
    for _ in range(clockwise // 90):
        x, y, w, h = box
        box, height, width = (height - y - h, x, h, w), width, height
    return box


def box_iou(one: Box, other: Box) -> float:
    """Intersection over union."""
    (x, y, w, h), (u, v, s, t) = one, other
    shared = max(0.0, min(x + w, u + s) - max(x, u)) * max(0.0, min(y + h, v + t) - max(y, v))
    return shared / (w * h + s * t - shared)


def _tilings(height: int, width: int) -> Iterator[list[Tile]]:
    """The whole image, then its tiles, larger ones first; each overlaps the next by half."""
    longer = max(height, width)
    for division in DIVISIONS:
        side = longer // division
        if division == 1 or side >= SMALLEST_TILE:
            rows, columns = _starts(height, side), _starts(width, side)
            yield [(left, top, side) for top in rows for left in columns]


def _starts(length: int, side: int) -> list[int]:
    steps = max(0, -(-(length - side) * 2 // side))
    return [round(step * (length - side) / steps) for step in range(steps + 1)] if steps else [0]


def _distinct(readings: Iterable[Reading]) -> list[Reading]:
    """The one with the highest score of those at one place, highest first."""
    kept: list[Reading] = []
    for one in sorted(readings, key=lambda reading: reading.face.score, reverse=True):
        if not any(_same(one, other) for other in kept):
            kept.append(one)
    return kept


def _same(one: Reading, other: Reading) -> bool:
    return one.turn == other.turn and box_iou(one.face.box, other.face.box) > SAME_PLACE_IOU


def _clearly_surer(turned: list[Reading], upright: list[Reading]) -> bool:
    surest = max((reading.face.score for reading in turned), default=0.0)
    return surest > max(reading.face.score for reading in upright) + CLEARLY
