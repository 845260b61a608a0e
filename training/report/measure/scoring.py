"""Scores of photographs by the exported model, through the very functions that serving uses."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from service.analysis.detectors.onnx import OnnxDetector
from service.analysis.face.blazeface import FaceDetector
from service.analysis.face.crop import Portrait
from training.data.dataset import MODELS, LabelRow, read_images
from training.export.manifest import read_manifest

CHUNK = 256  # images in flight


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


class PhotographScorer:
    """Photograph -> (logit of a detector's folder, face width), (NaN, 0) where no face is found."""

    def __init__(self, folder: Path) -> None:
        self.manifest = read_manifest(folder)
        self._detector = OnnxDetector(folder, bpcer=self.manifest["default_bpcer"])
        self._faces = FaceDetector(MODELS)

    def pattern_logit(self) -> float:
        """For the manifest: what serving expects at its start."""
        return round(self._detector.pattern_logit(), 4)

    def __call__(self, image: np.ndarray) -> tuple[float, float]:
        detection = self._faces.detect(image)
        if not detection.faces:
            return float("nan"), 0.0
        face = detection.faces[0]
        return self._detector.raw(Portrait(detection.image, face)), face.width


def scores_file(out: Path, manifest: dict[str, Any]) -> Path:
    return out / f"scores-{manifest['name']}.npz"


def save_scores(out: Path, manifest: dict[str, Any], parts: dict[str, Scores]) -> None:
    """Write the scores of each part, and which model file gave them."""
    columns = {
        f"{part}:{name}": v for part, scores in parts.items() for name, v in vars(scores).items()
    }
    file = scores_file(out, manifest)
    part = file.with_suffix(".part.npz")
    np.savez_compressed(part, sha256=np.array(checksums(manifest)), **columns)
    part.replace(file)


def kept_scores(out: Path, manifest: dict[str, Any]) -> dict[str, Scores]:
    """The parts that were kept of this very model; none where there are none."""
    try:
        return load_scores(out, manifest)
    except (OSError, ValueError):
        return {}


def load_scores(out: Path, manifest: dict[str, Any]) -> dict[str, Scores]:
    """The parts that were kept. Raises ValueError when another model gave them."""
    file = scores_file(out, manifest)
    with np.load(file) as kept:
        if str(kept["sha256"]) != checksums(manifest):
            raise ValueError(f"{file} are scores of another model: run training.report.evaluate.")
        parts = dict.fromkeys(key.partition(":")[0] for key in kept.files if ":" in key)
        names = [field.name for field in fields(Scores)]
        return {part: Scores(**{name: kept[f"{part}:{name}"] for name in names}) for part in parts}


def checksums(manifest: dict[str, Any]) -> str:
    """Checksums of the model file and of its tuned part, if any; a fusion is its weights."""
    if manifest["kind"] == "fusion":
        return json.dumps([manifest["inputs"], manifest["intercept"]])
    parts = (manifest, manifest.get("base"), manifest.get("tuned"))
    return " ".join(part["sha256"] for part in parts if part is not None)


Change = Callable[[int, np.ndarray], np.ndarray]


def score(
    scorer: PhotographScorer,
    data: Path,
    rows: list[LabelRow],
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
        np.array([row.kind for row in rows]),
        np.array([f"{row.source}/{row.group}" for row in rows]),
    )  # fmt: skip


def _chunks(items: Iterable[tuple[int, np.ndarray]]) -> Iterator[list[tuple[int, np.ndarray]]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, CHUNK)):
        yield chunk
