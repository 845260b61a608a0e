"""Labelled face photographs -> one memory-mapped array of roomy face crops and its index.

    python -m training.data.dataset --data DIR --out DIR

DATA holds labels.csv with the columns shard, name, label (real or fake), source, group and, if you
like, species. `shard` is a tar file in DATA, or empty where `name` is a file in DATA. `group` joins
images that must stay on one side of a split: all images of one person, or a fake and its original.
`species` says how a fake was made; without it each source of fakes is a species of its own.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import tarfile
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image, ImageOps

from service.analysis.face.blazeface import FaceDetector
from service.analysis.face.crop import crop_box, face_crop

ROOMY = 1.7  # margin of the stored crop: room for framing jitter
STORED = 288  # pixels; 1.3 of 1.7 of it are 220, so a crop at margin 1.3 keeps its detail at 224
PART = 1000  # rows that a core takes at a time
COPIES = ("latent", "recoding", "restoration")
MODELS = Path(__file__).parents[2] / "service" / "models"


@dataclass(frozen=True)
class LabelRow:
    """One line of labels.csv."""

    shard: str
    name: str
    label: str
    source: str
    group: str
    species: str = ""

    @property
    def kind(self) -> str:
        """What reports count it under: the species of a fake, the source of a genuine image."""
        return self.species or self.source if self.label == "fake" else self.source


class Copies(NamedTuple):
    """Genuine rows, and the same faces as some network gives them back, memory-mapped.

    `name`: one of COPIES.
    """

    name: str
    rows: np.ndarray
    faces: np.ndarray


@dataclass(frozen=True)
class Index:
    """Arrays of equal length N beside the crops; `keypoints` is Nx6x2 in pixels of the crop,
    `species` as `Row.kind`.

    `found` is False where no face was found: such a crop is empty and belongs to no split.
    """

    name: np.ndarray
    fake: np.ndarray
    source: np.ndarray
    group: np.ndarray
    found: np.ndarray
    keypoints: np.ndarray
    species: np.ndarray


def read_labels(data: Path) -> list[LabelRow]:
    """The rows of labels.csv."""
    with (data / "labels.csv").open(newline="") as file:
        rows = [LabelRow(**line) for line in csv.DictReader(file)]
    unknown = {row.label for row in rows} - {"real", "fake"}
    if unknown:
        raise ValueError(f"labels.csv: label must be real or fake, not {sorted(unknown)}")
    return rows


def read_image(file: io.BytesIO | Path) -> np.ndarray:
    """HxWx3 uint8 RGB, turned upright by its EXIF tag."""
    with Image.open(file) as image:
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))


def read_images(data: Path, rows: list[LabelRow]) -> Iterator[tuple[int, np.ndarray]]:
    """(row number, image) of every row, shard by shard."""
    by_shard: dict[str, list[int]] = {}
    for number, row in enumerate(rows):
        by_shard.setdefault(row.shard, []).append(number)
    for shard, numbers in by_shard.items():
        yield from _read_shard(data, shard, numbers, rows)


def _read_shard(
    data: Path, shard: str, numbers: list[int], rows: list[LabelRow]
) -> Iterator[tuple[int, np.ndarray]]:
    if not shard:
        yield from ((n, read_image(data / rows[n].name)) for n in numbers)
        return
    with tarfile.open(data / shard) as archive:
        for n in numbers:
            member = archive.extractfile(rows[n].name)
            if member is None:
                raise ValueError(f"{shard}: {rows[n].name} is not a file")
            yield n, read_image(io.BytesIO(member.read()))


def roomy_crop(detector: FaceDetector, image: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """(STOREDxSTOREDx3 crop, 6x2 keypoints in it) of the most prominent face, None without one."""
    detection = detector.detect(image)
    if not detection.faces:
        return None
    face = detection.faces[0]
    left, top, side = crop_box(face, ROOMY)
    keypoints = (face.keypoints - [left, top]) * (STORED / side)
    return face_crop(detection.image, face, ROOMY, STORED), keypoints


def prepare(data: Path, out: Path) -> Index:
    """Write OUT/crops.npy (NxSTOREDxSTOREDx3 uint8) and OUT/index.npz; done once, then reused."""
    if (out / "index.npz").exists():
        return load_index(out)
    out.mkdir(parents=True, exist_ok=True)
    rows = read_labels(data)
    shape = (len(rows), STORED, STORED, 3)
    np.lib.format.open_memmap(out / "crops.npy", "w+", np.uint8, shape).flush()
    keypoints, found = np.zeros((len(rows), 6, 2), np.float32), np.zeros(len(rows), bool)
    for n, points in _all_crops(data, out, rows):
        keypoints[n], found[n] = points, True
    return _save_index(out, rows, found, keypoints)


def _all_crops(data: Path, out: Path, rows: list[LabelRow]) -> Iterator[tuple[int, np.ndarray]]:
    """(row number, keypoints) of every face found; each core takes some rows at a time."""
    parts = [range(start, min(start + PART, len(rows))) for start in range(0, len(rows), PART)]
    work = partial(_crops, data, out, rows)
    cores = min(len(os.sched_getaffinity(0)), len(parts))
    # Spawned: a fork of a process with torch's threads may never come back.
    with get_context("spawn").Pool(cores) if cores > 1 else nullcontext() as pool:
        for done, found in enumerate(pool.imap(work, parts) if pool else map(work, parts)):
            yield from found
            print(f"{parts[done].stop}/{len(rows)} images", flush=True)


def _crops(
    data: Path, out: Path, rows: list[LabelRow], part: range
) -> list[tuple[int, np.ndarray]]:
    """Writes the crops of some rows."""
    cv2.setNumThreads(1)
    crops, detector = np.load(out / "crops.npy", mmap_mode="r+"), FaceDetector(MODELS)
    found = []
    for n, image in read_images(data, [rows[number] for number in part]):
        if result := roomy_crop(detector, image):
            crops[part[n]] = result[0]
            found.append((part[n], result[1]))
    return found


def _save_index(out: Path, rows: list[LabelRow], found: np.ndarray, keypoints: np.ndarray) -> Index:
    index = Index(
        name=np.array([row.name for row in rows]),
        fake=np.array([row.label == "fake" for row in rows]),
        source=np.array([row.source for row in rows]),
        group=np.array([f"{row.source}/{row.group}" for row in rows]),
        found=found,
        keypoints=keypoints,
        species=np.array([row.kind for row in rows]),
    )
    np.savez(out / "index.npz", **vars(index))
    return index


def load_index(out: Path) -> Index:
    """The index that `prepare` wrote."""
    with np.load(out / "index.npz") as arrays:
        return Index(**{"species": arrays["source"], **arrays})  # an older one has no species


def load_crops(out: Path) -> np.ndarray:
    """The crops that `prepare` wrote, memory-mapped."""
    return np.asarray(np.load(out / "crops.npy", mmap_mode="r"))


def load_copies(out: Path, name: str) -> Copies | None:
    """Made by `latents`, `autoencoders` or `restore` of this package, as in COPIES."""
    rows, copies = out / f"{name}_rows.npy", out / f"{name}s.npy"
    return Copies(name, np.load(rows), np.load(copies, mmap_mode="r")) if rows.exists() else None


def all_copies(out: Path) -> dict[str, Copies]:
    return {name: copies for name in COPIES if (copies := load_copies(out, name))}


def miss_rates(index: Index) -> dict[str, tuple[int, int]]:
    """ "source real" or "source fake" -> (images without a face found, images)."""
    labels = np.where(index.fake, " fake", " real")
    kinds = np.char.add(index.source, labels)
    return {
        str(kind): (int((~index.found[kinds == kind]).sum()), int((kinds == kind).sum()))
        for kind in np.unique(kinds)
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    for kind, (missed, total) in miss_rates(prepare(args.data, args.out)).items():
        print(f"{kind}: no face in {missed} of {total}")


if __name__ == "__main__":
    main()


def some_of(kinds: np.ndarray, most: int) -> np.ndarray:
    """Indices, rising, of at most `most` of each kind."""
    order = np.random.default_rng(0).permutation(len(kinds))
    picked = [order[kinds[order] == kind][:most] for kind in np.unique(kinds)]
    return np.sort(np.concatenate(picked))
