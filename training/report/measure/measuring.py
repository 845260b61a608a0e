"""Every score that a report needs, through the functions that serving uses.

They are kept as OUT/scores-NAME.npz, part by part: interrupted, the same call goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from service.analysis.face.blazeface import FaceDetector
from training.data.augment import encoded, frame_of
from training.data.dataset import (
    MODELS,
    Copies,
    LabelRow,
    load_copies,
    load_crops,
    read_labels,
    some_of,
)
from training.data.selfblend import self_blend
from training.report.measure.scoring import (
    Change,
    PhotographScorer,
    Scores,
    kept_scores,
    save_scores,
    score,
)

QUALITIES = (20, 40, 60, 80, 95)
MOST = 2000  # images of a source and label in the calibration and in the test split
FEW = 170  # likewise, for each change of the photograph
COPIED = ("latent", "restoration")  # copies that are made of test images, too
Parts = dict[str, Scores]


def reencode(quality: int, _: int, image: np.ndarray) -> np.ndarray:
    return encoded(image, ".jpg", quality)


def scaled(factor: float, image: np.ndarray) -> np.ndarray:
    return cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)


def half(_: int, image: np.ndarray) -> np.ndarray:
    return encoded(scaled(0.5, image), ".jpg", 95)


def messenger(_: int, image: np.ndarray) -> np.ndarray:
    """Two recompressions and 0.6 of the size."""
    return encoded(scaled(0.6, encoded(image, ".jpg", 80)), ".jpg", 70)


def flipped(_: int, image: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(image[:, ::-1])


CHANGES: dict[str, Change] = {
    **{f"quality_{quality}": partial(reencode, quality) for quality in QUALITIES},
    "half": half,
    "messenger": messenger,
    "flipped": flipped,
}


class Blend:
    """Change of every second image into a self-blend; all are re-encoded alike."""

    def __init__(self, faces: FaceDetector) -> None:
        self.faces = faces

    def __call__(self, number: int, image: np.ndarray) -> np.ndarray:
        found = self.faces.detect(image)
        if number % 2 and found.faces:
            image = self_blend(found.image, found.faces[0].keypoints, number)
        return encoded(image, ".jpg", 90)


def some(rows: list[LabelRow], most: int) -> np.ndarray:
    """Indices, rising, of at most `most` rows of each source and label; always the same ones."""
    return some_of(np.array([f"{row.kind} {row.label}" for row in rows]), most)


def measure(
    scorer: PhotographScorer, data: Path, out: Path, splits: dict[str, list[LabelRow]]
) -> Parts:
    """Scores by part: calibration, calibration_sent, test, unchanged, each of CHANGES, self_blends;
    and of COPIED where OUT has some.

    `unchanged` are the scores of the images that the changes were made to, `calibration_sent` those
    of calibration images that a messenger sent: a fusion's weights are fitted to both.
    `splits`: the rows of the calibration and the test split.
    """
    parts = kept_scores(out, scorer.manifest)
    for name, rows, scored in _plan(scorer, data, out, splits):
        if name not in parts or len(parts[name].logit) != len(rows):  # other MOST or FEW
            parts[name] = scored(rows)
            save_scores(out, scorer.manifest, parts)
            print(f"scored: {name}, {len(rows):,} images", flush=True)
    parts["unchanged"] = parts["test"].where(some(_test(splits), FEW))
    return parts


def _test(splits: dict[str, list[LabelRow]]) -> list[LabelRow]:
    return [splits["test"][row] for row in some(splits["test"], MOST)]


def _plan(
    scorer: PhotographScorer, data: Path, out: Path, splits: dict[str, list[LabelRow]]
) -> Iterator[tuple[str, list[LabelRow], Callable[[list[LabelRow]], Scores]]]:
    """The name of each part, its rows, and what scores them."""
    scored = partial(score, scorer, data)
    known, test = splits["calibration"], _test(splits)
    yield "calibration", [known[row] for row in some(known, MOST)], scored
    sent = [known[row] for row in some(known, FEW)]
    yield "calibration_sent", sent, partial(scored, change=messenger)
    yield "test", test, scored
    few = [test[row] for row in some(test, FEW)]
    for name, change in CHANGES.items():
        yield name, few, partial(scored, change=change)
    genuine = [row for row in few if row.label == "real"]
    yield "self_blends", genuine, partial(_self_blends, scorer, data)
    for name in COPIED:
        if copies := load_copies(out, name):
            yield f"{name}_copies", *_copies(scorer, data, out, copies)


def _self_blends(scorer: PhotographScorer, data: Path, genuine: list[LabelRow]) -> Scores:
    """Genuine faces, every second one turned into a self-blend."""
    scores = score(scorer, data, genuine, Blend(FaceDetector(MODELS)))
    changed = np.arange(len(genuine)) % 2 == 1
    return replace(scores, fake=changed)


def _copies(
    scorer: PhotographScorer, data: Path, out: Path, copies: Copies
) -> tuple[list[LabelRow], Callable[[list[LabelRow]], Scores]]:
    """Genuine faces of the test split, and each again as its copy; and what scores them.

    Both without the fill around them: serving adds it last, so no photograph has any.
    """
    _, copied, faces = copies
    mine = np.flatnonzero(np.load(out / "split.npy")[copied] == "test")
    crops, labels, count = load_crops(out), read_labels(data), len(mine)

    def change(number: int, _: np.ndarray) -> np.ndarray:
        one = mine[number % count]
        original = crops[copied[one]]
        left, top, right, bottom = frame_of(original)
        image = faces[one] if number >= count else original
        return encoded(image[top:bottom, left:right], ".jpg", 90)

    def scored(rows: list[LabelRow]) -> Scores:
        scores = score(scorer, data, rows, change)
        return replace(scores, fake=np.arange(len(rows)) >= count)

    return [labels[copied[one]] for one in mine] * 2, scored
