"""The heat map of the shipped detector lies where self-blends are blended, not anywhere."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from service.analysis.detectors.onnx import OnnxDetector
from service.analysis.face.blazeface import FaceDetector
from service.settings import PACKAGE
from tests.images import genuine
from tests.thorough import either
from training.data.dataset import LabelRow
from training.report.measure.localisation import SMALLEST, heat_inside, localisation

LITE0 = PACKAGE / "models" / "lite0"
MARGIN = 1.3  # times chance, at the least


@pytest.mark.slow
def test_heat_lies_in_the_region_that_was_blended() -> None:
    """Over those of many self-blends of one photograph that the detector suspects most."""
    detector, faces = OnnxDetector(LITE0, bpcer=0.05), FaceDetector(PACKAGE / "models")
    detection = faces.detect(np.array(Image.open(io.BytesIO(genuine())).convert("RGB")))
    image, face = detection.image, detection.faces[0]
    shares = np.array([heat_inside(detector, image, face, seed) for seed in range(either(80, 40))])
    seen = shares[shares[:, 2] >= SMALLEST]
    seen = seen[seen[:, 0].argsort()[-10:]]
    assert (seen[:, 1] / seen[:, 2]).mean() > MARGIN


def test_figures_over_photographs(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.jpg").write_bytes(genuine())
    rows = [LabelRow("", f"{number}.jpg", "real", "s", str(number)) for number in range(3)]
    found = localisation(LITE0, tmp_path, rows)
    assert found["images"] == 3
    assert found["suspected"] <= 3


def test_a_detector_without_a_map_is_refused() -> None:
    detector, faces = OnnxDetector(LITE0, bpcer=0.05), FaceDetector(PACKAGE / "models")
    output = detector.manifest.output.model_copy(update={"cam": None})
    detector.manifest = detector.manifest.model_copy(update={"output": output})
    detection = faces.detect(np.array(Image.open(io.BytesIO(genuine())).convert("RGB")))
    with pytest.raises(ValueError, match="lite0 has no heat map"):
        heat_inside(detector, detection.image, detection.faces[0], 0)
