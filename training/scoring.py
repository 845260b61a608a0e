"""Scores of photographs by the exported model, through the very functions that serving uses."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from service.analysis.detectors.onnx import OnnxDetector
from service.analysis.faces import Face, FaceDetector
from training.dataset import MODELS, Row, read_images
from training.manifest import read_manifest

CHUNK = 256  # images in flight
Judge = Callable[[np.ndarray, Face], float]
Fuse = Callable[[Sequence[float]], float]


@dataclass(frozen=True)
class Scores:
    """Arrays of equal length; `logit` is NaN where no face was found, `width` the face's."""

    logit: np.ndarray
    width: np.ndarray
    fake: np.ndarray
    source: np.ndarray
    group: np.ndarray

    def where(self, mask: np.ndarray) -> Scores:
        return Scores(**{name: values[mask] for name, values in vars(self).items()})

    @property
    def found(self) -> np.ndarray:
        return np.asarray(np.isfinite(self.logit))


class Scorer:
    """Photograph -> (logit, face width), (NaN, 0) where no face is found.

    The logit is the detector's own; of several detectors it is that of their fusion.
    """

    def __init__(self, manifest: dict[str, Any], judges: Sequence[Judge], fuse: Fuse) -> None:
        self.manifest, self._judges, self._fuse = manifest, judges, fuse
        self._faces = FaceDetector(MODELS)

    @classmethod
    def of(cls, folder: Path) -> Scorer:
        """Of a single detector's folder."""
        manifest = read_manifest(folder)
        detector = OnnxDetector(folder, bpcer=manifest["default_bpcer"])
        return cls(manifest, [detector.raw], lambda logits: logits[0])

    def __call__(self, image: np.ndarray) -> tuple[float, float]:
        detection = self._faces.detect(image)
        if not detection.faces:
            return float("nan"), 0.0
        face = detection.faces[0]
        logits = [judge(detection.image, face) for judge in self._judges]
        return self._fuse(logits), face.width


def save_scores(out: Path, manifest: dict[str, Any], parts: dict[str, Scores]) -> None:
    """Write out/scores.npz: the scores of each part, and which model file gave them."""
    columns = {
        f"{part}:{name}": v for part, scores in parts.items() for name, v in vars(scores).items()
    }
    np.savez_compressed(out / "scores.npz", sha256=np.array(checksums(manifest)), **columns)


def load_scores(out: Path, manifest: dict[str, Any]) -> dict[str, Scores]:
    """The parts of out/scores.npz. Raises ValueError when another model gave them."""
    with np.load(out / "scores.npz") as kept:
        if str(kept["sha256"]) != checksums(manifest):
            raise ValueError(
                f"{out}/scores.npz are scores of another model: run training.evaluate."
            )
        parts = dict.fromkeys(key.partition(":")[0] for key in kept.files if ":" in key)
        names = [field.name for field in fields(Scores)]
        return {part: Scores(**{name: kept[f"{part}:{name}"] for name in names}) for part in parts}


def checksums(manifest: dict[str, Any]) -> str:
    """Of the model file and, where there is one, of its tuned part; a fusion is its weights."""
    if manifest["kind"] == "fusion":
        return json.dumps([manifest["inputs"], manifest["intercept"]])
    parts = (manifest, manifest.get("tuned"))
    return " ".join(part["sha256"] for part in parts if part is not None)


Change = Callable[[int, np.ndarray], np.ndarray]


def score(
    scorer: Scorer,
    data: Path,
    rows: list[Row],
    change: Change = lambda _, image: image,
    threads: int = 2,
) -> Scores:
    """Scores of all rows, each image first passed through `change(row number, image)`."""
    cv2.setNumThreads(1)
    found = np.full((len(rows), 2), np.nan)

    def one(item: tuple[int, np.ndarray]) -> None:
        number, image = item
        found[number] = scorer(change(number, image))

    with ThreadPoolExecutor(threads) as pool:
        for chunk in _chunks(read_images(data, rows)):
            list(pool.map(one, chunk))
    return Scores(
        found[:, 0], found[:, 1],
        np.array([row.label == "fake" for row in rows]),
        np.array([row.source for row in rows]),
        np.array([f"{row.source}/{row.group}" for row in rows]),
    )  # fmt: skip


def _chunks(items: Iterable[tuple[int, np.ndarray]]) -> Iterator[list[tuple[int, np.ndarray]]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, CHUNK)):
        yield chunk
