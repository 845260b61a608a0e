"""Scores of photographs by the exported model, through the very functions that serving uses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort

from service.analysis.crop import face_crop, normalise
from service.analysis.faces import FaceDetector
from training.dataset import MODELS, Row, read_images
from training.manifest import read_manifest

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


class Scorer:
    """Photograph -> (logit, face width), (NaN, 0) where no face is found."""

    def __init__(self, folder: Path) -> None:
        self.manifest = read_manifest(folder)
        self.faces = FaceDetector(MODELS)
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = ort.InferenceSession(
            str(folder / self.manifest["file"]), options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, image: np.ndarray) -> tuple[float, float]:
        detection = self.faces.detect(image)
        if not detection.faces:
            return float("nan"), 0.0
        face, given = detection.faces[0], self.manifest["input"]
        crop = face_crop(detection.image, face, self.manifest["crop"]["margin"], given["size"])
        tensor = normalise(crop, given["mean"], given["std"])
        (logit,) = self.session.run(["logit"], {given["name"]: tensor})
        return float(logit[0, 0]), face.width


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
