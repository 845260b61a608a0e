"""How often a small face is found in a large photograph, and a face where there is none.

    python -m training.report.face_recall --data DIR [--scenes DIR] [--photographs 60] [--each 6]

DATA is as in training.data.dataset: photographs of one upright face, pasted into made-up scenes
of 4:3, which are read as an upload is: JPEG, decoded by the service. A face counts as found if the
image was set upright and the boxes overlap by an IoU of 0.3 or more. The true box is that of the
detector in the photograph itself, where it is sure of one face. SCENES holds pictures without any
face; made-up scenes and photographs of DATA whose faces are covered are added to them.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from service.analysis.face.blazeface import Detection, Face, FaceDetector, rotate
from service.fitting.metrics import proportion
from service.media.image import decode
from training.data.dataset import MODELS, LabelRow, read_image, read_images, read_labels
from training.report.card.wording import rate, table
from training.report.face_scenes import BACKDROPS, Box, Scene, box_iou, paste

SOURCES = ("ffhq_stylegan1", "lfw", "utkface")
WIDTHS = (40, 60, 100, 150, 250, 350, 500, 700, 1000)  # of the face, pixels of the scene
LONGER = (1000, 2000, 4000)  # side of the scene
TURNED = (4000, (150, 250, 350, 700), (90, 180, 270))
FOUND_IOU, SURE = 0.3, 0.87
FACELESS_SIDES = (1200, 3000)  # longer side of the pictures without a face


class FaceMatch(NamedTuple):
    """`right`: the face was found; `wrong`: a face was found elsewhere, or in a wrong turn."""

    right: bool
    wrong: bool
    iou: float


def photographs(detector: FaceDetector, data: Path, most: int) -> list[Scene]:
    """Photographs with one upright face that the detector is sure of, `most` of each source."""
    rows = list(_some(read_labels(data), most))
    seen = ((rows[n], image, detector.detect(image)) for n, image in read_images(data, rows))
    return [
        Scene(image, _box(found.faces[0]), row.source, row.group)
        for row, image, found in seen
        if found.rotation == 0 and len(found.faces) == 1 and found.faces[0].score >= SURE
    ]


def _some(rows: list[LabelRow], most: int) -> Iterator[LabelRow]:
    rng = np.random.default_rng(1)
    for source in SOURCES:
        mine = [row for row in rows if row.source == source and row.label == "real"]
        yield from (mine[i] for i in rng.permutation(len(mine))[:most])


def judged(detector: FaceDetector, scene: np.ndarray, truth: Box, turn: int = 0) -> FaceMatch:
    """What the service finds in the scene after it was turned clockwise."""
    _, data = cv2.imencode(".jpg", rotate(scene, turn)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
    image = decode(data.tobytes(), max_pixels=10**8)
    found = detector.detect(image.pixels)
    box = _first(found, image.scale)
    back = found.rotation == -turn % 360
    iou = box_iou(box, truth) if box and back else 0.0
    return FaceMatch(iou >= FOUND_IOU, box is not None and iou < FOUND_IOU, iou)


def _first(found: Detection, scale: float) -> Box | None:
    if not found.faces:
        return None
    x, y, width, height = _box(found.faces[0])
    return x * scale, y * scale, width * scale, height * scale


def _box(face: Face) -> Box:
    return face.x, face.y, face.width, face.height


def measure(
    detector: FaceDetector,
    faces: list[Scene],
    size: tuple[int, int],
    each: int,
    turn: int = 0,
) -> dict[str, list[FaceMatch]]:
    """Measure by backdrop: `each` faces; `size`: longer side of the scene and width of the face."""
    longer, width = size
    seen: dict[str, list[FaceMatch]] = {name: [] for name in BACKDROPS}
    rng = np.random.default_rng(longer + width)
    for number in range(each * len(BACKDROPS)):
        name = list(BACKDROPS)[number % len(BACKDROPS)]
        scene = BACKDROPS[name](rng, longer * 3 // 4, longer)
        truth = paste(scene, faces[rng.integers(len(faces))], width, rng)
        if truth is not None:
            seen[name].append(judged(detector, scene, truth, turn))
    return seen


def line(name: list[str], seen: dict[str, list[FaceMatch]]) -> list[str]:
    """A row of the table: found, by backdrop, wrong ones, mean IoU of those found."""
    every = [one for found in seen.values() for one in found]
    right = [one.iou for one in every if one.right]
    by_backdrop = [f"{sum(f.right for f in found)}/{len(found)}" for found in seen.values()]
    recall = rate(proportion(len(right), len(every)))
    wrong = str(sum(one.wrong for one in every))
    return [*name, recall, *by_backdrop, wrong, f"{np.mean(right):.2f}" if right else "-"]


def faceless(scenes: Path | None, faces: Iterable[Scene]) -> Iterator[tuple[str, np.ndarray]]:
    """(kind, HxWx3 picture): made-up ones, given ones, and photographs whose face is covered."""
    rng = np.random.default_rng(3)
    for longer in FACELESS_SIDES * 10:
        for name, backdrop in BACKDROPS.items():
            yield name, backdrop(rng, longer * 3 // 4, longer)
    for path in sorted(scenes.iterdir()) if scenes else ():
        for longer in FACELESS_SIDES:
            yield "picture", _scaled(read_image(path), longer)
    for photograph in faces:
        yield "covered", _scaled(_covered(photograph), FACELESS_SIDES[0])


def _scaled(image: np.ndarray, longer: int) -> np.ndarray:
    factor = longer / max(image.shape)
    return cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)


def _covered(photograph: Scene) -> np.ndarray:
    """The photograph with a black box over face, forehead and chin."""
    image = photograph.image.copy()
    x, y, w, h = photograph.box
    top, bottom = max(0, int(y - 0.3 * h)), int(y + 1.1 * h)
    image[top:bottom, max(0, int(x)) : int(x + w)] = 0
    return image


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--scenes", type=Path)
    parser.add_argument("--photographs", type=int, default=60)
    parser.add_argument("--each", type=int, default=6)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    detector = FaceDetector(MODELS)
    faces = photographs(detector, args.data, args.photographs)
    print(f"{len(faces)} photographs of real faces\n")
    header = ["scene, px", "face, px", "found", *BACKDROPS, "wrong", "IoU"]
    sizes = [(longer, width) for longer in LONGER for width in WIDTHS if width < longer * 0.4]
    rows = [
        line([str(longer), str(width)], measure(detector, faces, (longer, width), args.each))
        for longer, width in sizes
    ]
    print(table(header, rows), flush=True)
    print(table(["turned", *header], list(_turned_rows(detector, faces, args.each))), flush=True)
    kinds = faceless(args.scenes, faces[::2])
    print(table(["without a face", "false faces"], list(_false(detector, kinds))))


def _turned_rows(detector: FaceDetector, faces: list[Scene], each: int) -> Iterator[list[str]]:
    longer, widths, turns = TURNED
    for turn in turns:
        for width in widths:
            seen = measure(detector, faces, (longer, width), each, turn)
            yield line([str(turn), str(longer), str(width)], seen)


def _false(
    detector: FaceDetector, pictures: Iterable[tuple[str, np.ndarray]]
) -> Iterator[list[str]]:
    seen: dict[str, list[bool]] = {}
    for kind, image in pictures:
        seen.setdefault(kind, []).append(bool(detector.detect(image).faces))
    for kind, hits in seen.items():
        yield [kind, f"{sum(hits)} of {len(hits)}: {rate(proportion(sum(hits), len(hits)))}"]


if __name__ == "__main__":
    main()
