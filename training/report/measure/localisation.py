"""Whether the heat map lies where the manipulation is: of self-blends, whose region is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from service.analysis.detectors.onnx import OnnxDetector
from service.analysis.face.blazeface import Face, FaceDetector
from service.analysis.face.crop import Portrait, face_crop
from service.fitting import metrics
from training.data.dataset import MODELS, LabelRow, read_images
from training.data.selfblend import self_blend

CHANGED = 3  # of 255; a smaller difference is not seen
SMALLEST = 0.03  # share of the crop; smaller regions are left out
SUSPECTED = 0.5  # probability from which on the map has something to explain


def heat_inside(
    detector: OnnxDetector, image: np.ndarray, face: Face, seed: int
) -> tuple[float, float, float]:
    """Of one self-blend: (its probability, share of the heat inside the changed region, share of
    the crop that this region is); the second is what chance would give the first."""
    blend = self_blend(image, face.keypoints, seed)
    prediction = detector.predict(Portrait(blend, face), explain=True)
    if prediction.heat_map is None:
        raise ValueError(f"{detector.name} has no heat map")
    differs = (np.abs(image.astype(int) - blend).max(axis=2) >= CHANGED).astype(np.uint8) * 255
    region, size = np.dstack([differs] * 3), detector.manifest.input.size
    mask = face_crop(region, face, detector.manifest.crop.margin, size)[..., 0] / 255.0
    heat = np.clip(prediction.heat_map, 0, None)
    cells = cv2.resize(mask, heat.shape[::-1], interpolation=cv2.INTER_AREA)
    total = max(float(heat.sum()), 1e-9)
    return prediction.probability, float((heat * cells).sum()) / total, float(mask.mean())


def localisation(folder: Path, data: Path, rows: list[LabelRow]) -> dict[str, Any]:
    """Mean shares over self-blends of these genuine images, those found suspicious, and their
    ratio: 1 is chance."""
    detector = OnnxDetector(folder, bpcer=metrics.DEFAULT_RATE)
    faces, found, groups = FaceDetector(MODELS), [], []
    for number, image in read_images(data, rows):
        if (detection := faces.detect(image)).faces:
            shares = heat_inside(detector, detection.image, detection.faces[0], number)
            found.append(shares)
            groups.append(f"{rows[number].source}/{rows[number].group}")
    probability, inside, area = np.array(found).reshape(-1, 3).T
    mine = (probability >= SUSPECTED) & (area >= SMALLEST)
    return {
        "images": len(found),
        "suspected": int(mine.sum()),
        "inside": _mean(inside[mine], np.array(groups)[mine]),
        "area": _mean(area[mine], np.array(groups)[mine]),
        "ratio": _mean(inside[mine] / area[mine], np.array(groups)[mine]),
    }


def _mean(values: np.ndarray, groups: np.ndarray) -> metrics.Figure:
    # A drawn sample may hold none of the few that are suspected.
    return metrics.interval(lambda r: float(values[r].mean()) if len(r) else float("nan"), groups)
