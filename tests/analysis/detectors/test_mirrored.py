"""A model that also looks at the mirror image: left for right makes no difference."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from service.analysis.detectors.base import Prediction
from service.analysis.detectors.onnx import OnnxDetector
from service.analysis.face.blazeface import Face
from service.analysis.face.crop import Portrait
from service.settings import PACKAGE
from tests.images import genuine

LITE0 = PACKAGE / "models" / "lite0"
SIDE = 224
BOX = SIDE / 1.3
WHOLE = Face((SIDE - BOX) / 2, (SIDE - BOX) / 2, BOX, BOX, 1.0, np.zeros((6, 2)))


def detector(folder: Path, *, mirrored: bool) -> OnnxDetector:
    """The shipped one, with or without its mirror."""
    shutil.copytree(LITE0, folder)
    fields = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**fields, "mirrored": mirrored}))
    return OnnxDetector(folder, bpcer=0.05)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> OnnxDetector:
    return detector(tmp_path_factory.mktemp("plain") / "lite0", mirrored=False)


@pytest.fixture(scope="module")
def mirrored(tmp_path_factory: pytest.TempPathFactory) -> OnnxDetector:
    return detector(tmp_path_factory.mktemp("mirrored") / "lite0", mirrored=True)


@pytest.fixture(scope="module")
def crop() -> np.ndarray:
    image = Image.open(io.BytesIO(genuine())).convert("RGB").resize((SIDE, SIDE))
    return np.array(image)


def explained(detector: OnnxDetector, crop: np.ndarray) -> Prediction:
    return detector.predict(Portrait(crop, WHOLE), explain=True)


def test_its_logit_is_the_mean_of_both(
    plain: OnnxDetector, mirrored: OnnxDetector, crop: np.ndarray
) -> None:
    one, other = plain.logit(crop), plain.logit(crop[:, ::-1])
    assert abs(one - other) > 1e-3
    assert mirrored.logit(crop) == pytest.approx((one + other) / 2, abs=1e-4)
    assert mirrored.logit(crop[:, ::-1]) == pytest.approx(mirrored.logit(crop), abs=1e-4)


def test_its_map_is_turned_back(
    plain: OnnxDetector, mirrored: OnnxDetector, crop: np.ndarray
) -> None:
    one, other = (explained(plain, image).heat_map for image in (crop, crop[:, ::-1]))
    assert one is not None
    assert other is not None
    expected = (one + other[:, ::-1]) / 2
    np.testing.assert_allclose(explained(mirrored, crop).heat_map, expected, atol=1e-4)


def test_it_is_another_model_for_the_cache(plain: OnnxDetector, mirrored: OnnxDetector) -> None:
    assert plain.identity != mirrored.identity
