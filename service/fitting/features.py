"""Extract every detector's features and predictions of every image, once, and keep them."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import Any
from zipfile import BadZipFile

import numpy as np

from service.analysis.detectors.base import Detector
from service.analysis.detectors.onnx import OnnxDetector
from service.analysis.face.blazeface import FaceDetector
from service.analysis.face.crop import Portrait
from service.analysis.face.selection import select
from service.cloud.sources import read
from service.errors import FacegateError, StartupError
from service.fitting.split import Album
from service.media.image import decode
from service.repository.manifest import DEEPFAKE, Task
from service.repository.registry import face_manifests
from service.runtime.files import replace_file
from service.runtime.machine import usable_cores
from service.runtime.prefetch import prefetch_map
from service.runtime.progress import progress
from service.settings import Settings

CHOOSING = {  # the settings that decide whether an image is judged, and which of its faces
    *("multi_face", "max_faces", "refuse", "min_face", "border_margin", "max_pixels"),
    *("max_angle", "min_sharpness", "min_brightness", "max_brightness", "max_body_bytes"),
}

# NumPy has Python parse the header of each array, which Python 3.11 cannot do in two threads at a
# time: SystemError, "AST constructor recursion depth mismatch".
PARSING = Lock()


@dataclass(frozen=True, eq=False)
class ImageFeatures:
    """One image, its F faces in the order of prominence.

    `said` has a row of F probabilities for each detector; `features` has FxN float32 for each, with
    N = 0 where its head cannot be retrained. `code` says why where no face is judged (F = 0).
    """

    said: np.ndarray
    features: tuple[np.ndarray, ...]
    code: str = ""


class Gathering:
    """Asks the detectors as they were shipped. What was kept before is not asked again."""

    def __init__(
        self,
        settings: Settings,
        faces: FaceDetector,
        detectors: Sequence[Detector],
        task: Task = DEEPFAKE,
    ) -> None:
        self._settings, self._faces, self._detectors = settings, faces, tuple(detectors)
        self._kept = kept_folder(settings, task) / self._digest()

    def all(self, album: Album) -> list[ImageFeatures]:
        """Features of every image, on all cores, with a progress bar. Raises StartupError."""
        try:
            self._kept.mkdir(mode=0o700, parents=True, exist_ok=True)
            return list(self._all(album))
        except OSError as error:
            raise StartupError(
                f"Nothing can be kept in {self._kept}: {error.strerror}.",
                "Give this user the right to write there, or set FACEGATE_DATA_DIR.",
            ) from None

    def _all(self, album: Album) -> Iterator[ImageFeatures]:
        items = [(one.path, key) for one, key in zip(album.images, album.sha256, strict=True)]
        cores = usable_cores()
        with progress(len(items)) as advance:
            for seen in prefetch_map(self._seen, items, cores, 2 * cores):
                advance()
                yield seen

    def _seen(self, item: tuple[Path, str]) -> ImageFeatures:
        path, key = item
        file = self._kept / f"{key}.npz"
        known = _read(file, len(self._detectors))
        if known is None:
            known = self._look(path)
            _write(file, known)
        return known

    def _look(self, path: Path) -> ImageFeatures:
        try:
            image = decode(
                read(str(path), self._settings).data, max_pixels=self._settings.max_pixels
            )
            detection = self._faces.detect(image.pixels)
            subjects = select(detection, self._settings, scale=image.scale)
        except FacegateError as error:
            none = np.zeros((0, 0), np.float32)
            return ImageFeatures(
                np.zeros((len(self._detectors), 0)), (none,) * len(self._detectors), error.code
            )
        portraits = [Portrait(detection.image, subject.face) for subject in subjects]
        pairs = [_ask(detector, portraits) for detector in self._detectors]
        return ImageFeatures(
            np.array([said for said, _ in pairs]), tuple(seen for _, seen in pairs)
        )

    def _digest(self) -> str:
        """Another one as soon as a detector, or the choice of faces, could be another."""
        settings = self._settings.model_dump(mode="json", include=CHOOSING)
        parts = {
            "detectors": [detector.identity for detector in self._detectors],
            "face_detectors": face_manifests(self._settings),
            "settings": {**settings, "refuse": sorted(settings["refuse"])},
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def kept_folder(settings: Settings, task: Task = DEEPFAKE) -> Path:
    """The folder of what is kept: features of faces, no pixels."""
    return settings.fitted_dir(task) / "train"


def forget(settings: Settings, task: Task = DEEPFAKE) -> None:
    """Delete all that was kept for a task."""
    shutil.rmtree(kept_folder(settings, task), ignore_errors=True)


def _ask(detector: Detector, portraits: Sequence[Portrait]) -> tuple[list[float], np.ndarray]:
    """(F probabilities, FxN features)."""
    try:
        if isinstance(detector, OnnxDetector) and detector.can_be_retrained:
            said, features = zip(*(detector.features(one) for one in portraits), strict=True)
            return list(said), np.stack(features)
        none = np.zeros((len(portraits), 0), np.float32)
        return [detector.predict(one).probability for one in portraits], none
    except Exception as error:  # whatever an author's code or another machine may do
        raise StartupError(
            f"The detector {detector.name} did not answer: {type(error).__name__}.",
            "Start it, or leave it out by FACEGATE_DETECTORS, and run this again.",
        ) from error


def _read(file: Path, detectors: int) -> ImageFeatures | None:
    """None where there is nothing, or half a file."""
    try:
        with PARSING, np.load(file) as parts:
            features = tuple(parts[f"features{i}"] for i in range(detectors))
            return ImageFeatures(parts["said"], features, str(parts["code"]))
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None


def _write(file: Path, seen: ImageFeatures) -> None:
    parts: dict[str, Any] = {f"features{i}": one for i, one in enumerate(seen.features)}
    content = BytesIO()
    np.savez(content, said=seen.said, code=np.array(seen.code), **parts)
    replace_file(file, content.getvalue())
