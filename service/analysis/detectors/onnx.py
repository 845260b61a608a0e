"""A detector that is a folder: an ONNX file and its manifest, no code."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from service.analysis.crop import crop_box, face_crop, normalise
from service.analysis.detectors.base import Evidence
from service.analysis.detectors.manifest import RESTORE, Manifest, load_manifest
from service.analysis.faces import Face
from service.analysis.fusion import sigmoid
from service.errors import StartupError


class OnnxDetector:
    """Runs one session of ONNX Runtime, made here and now: make it after the fork.

    Raises StartupError when the folder is unusable, the model does not run, or there is no
    threshold for `bpcer`.
    """

    def __init__(self, folder: Path, *, bpcer: float, threads: int = 1) -> None:
        self.manifest = load_manifest(folder)
        self.name, self.version = self.manifest.name, self.manifest.version
        self.threshold = self.manifest.threshold(bpcer)
        self.identity = self.manifest.model_dump_json()
        self._bpcer = bpcer
        self._metrics = _read_metrics(folder)
        try:
            self._tuned = _tuned(folder, self.manifest)
            self._session = open_session(folder / self.manifest.file, threads)
            self._self_test()
        except StartupError:
            raise
        except Exception:  # ONNX Runtime's exceptions have no common, public base
            raise StartupError(
                f"The model {folder.name} cannot be run by this version of ONNX Runtime.", RESTORE
            ) from None

    def judge(self, image: np.ndarray, face: Face, *, explain: bool = False) -> Evidence:
        """Crop, normalise, run; the activation map is computed only to explain."""
        manifest = self.manifest
        logit, heat_map = self._run(self._crop(image, face), explain)
        return Evidence(self._calibrated(logit), crop_box(face, manifest.crop.margin), heat_map)

    def raw(self, image: np.ndarray, face: Face) -> float:
        """The logit before calibration, for training's reports."""
        return self.logit(self._crop(image, face))

    def logit(self, crop: np.ndarray) -> float:
        """The logit before calibration of a face crop as `face_crop` makes it."""
        return self._run(crop, explain=False)[0]

    def card(self) -> dict[str, object]:
        """The manifest, the operating point in force, and the figures measured in training."""
        point = {"bpcer": self._bpcer, "threshold": self.threshold}
        manifest = self.manifest.model_dump(mode="json")
        return {**manifest, "operating_point": point, "metrics": self._metrics}

    def _crop(self, image: np.ndarray, face: Face) -> np.ndarray:
        return face_crop(image, face, self.manifest.crop.margin, self.manifest.input.size)

    def _run(self, crop: np.ndarray, explain: bool) -> tuple[float, np.ndarray | None]:
        manifest = self.manifest
        tensor = normalise(crop, manifest.input.mean, manifest.input.std)
        cam = manifest.output.cam if explain else None
        names = [manifest.output.logit, *([cam] if cam else [])]
        logit, *maps = self._session.run(names, {manifest.input.name: tensor, **self._tuned})
        heat_map = np.squeeze(maps[0]).astype(np.float32) if maps else None
        return float(np.asarray(logit).reshape(())), heat_map

    def _calibrated(self, logit: float) -> float:
        calibration = self.manifest.calibration
        return sigmoid(calibration.slope * logit + calibration.intercept)

    def _self_test(self) -> None:
        """Also warms up: the first run allocates what the later ones use again."""
        size = self.manifest.input.size
        pattern = np.arange(size * size * 3, dtype=np.uint32) % 251
        logit, heat_map = self._run(pattern.astype(np.uint8).reshape(size, size, 3), explain=True)
        if not math.isfinite(logit) or (heat_map is not None and heat_map.ndim != 2):
            raise StartupError(f"The model {self.name} fails its self-test.", RESTORE)


def open_session(path: Path, threads: int = 1) -> Any:
    """Spinning is off: pools that spin on shared cores halve each other's throughput."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _tuned(folder: Path, manifest: Manifest) -> dict[str, np.ndarray]:
    """Values for inputs that the model has defaults for: ONNX's way to lay them over a base."""
    if manifest.tuned is None:
        return {}
    with np.load(folder / manifest.tuned.file) as values:
        return dict(values)


def _read_metrics(folder: Path) -> Any:
    try:
        return json.loads((folder / "metrics.json").read_text())
    except (OSError, ValueError):
        return None
