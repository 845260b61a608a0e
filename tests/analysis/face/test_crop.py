"""The face crop is part of the model: a pixel that moves here moves every score."""

from __future__ import annotations

import numpy as np
import pytest

from service.analysis.face.blazeface import Face
from service.analysis.face.crop import FILL, Portrait, crop_box, cut, face_crop, normalise

GOLDEN = [
    [227, 37, 156],
    [38, 37, 28],
    [184, 37, 181],
    [119, 37, 182],
    [227, 190, 28],
    [38, 190, 181],
    [184, 190, 182],
    [119, 190, 29],
    [227, 104, 181],
    [38, 104, 182],
    [184, 104, 29],
    [119, 104, 155],
    [227, 106, 182],
    [38, 106, 29],
    [184, 106, 155],
    [119, 106, 204],
]
GOLDEN_MEAN = 129.63
GOLDEN_BORDER = [
    [127, 127, 127],
    [127, 127, 127],
    [227, 225, 75],
    [84, 225, 28],
    [127, 127, 127],
    [127, 127, 127],
    [227, 152, 28],
    [84, 152, 99],
    [127, 127, 127],
    [127, 127, 127],
    [227, 31, 99],
    [83, 31, 204],
    [127, 127, 127],
    [127, 127, 127],
    [227, 100, 204],
    [84, 100, 218],
]


def face(x: float, y: float, width: float, height: float) -> Face:
    return Face(x, y, width, height, 0.9, np.zeros((6, 2)))


@pytest.fixture
def waves() -> np.ndarray:
    """A smooth 400x300 image that is the same everywhere."""
    y, x = np.mgrid[0:400, 0:300].astype(float)
    channels = [np.sin(x / 17), np.cos(y / 23), np.sin((x + y) / 31)]
    return np.stack([np.rint(127.5 + 100 * c) for c in channels], axis=-1).astype(np.uint8)


def test_golden_crop(waves: np.ndarray) -> None:
    """Sampled pixels of the crop as first released; OpenCV builds may round differently by one."""
    crop = face_crop(waves, face(60.4, 90.7, 180.2, 190.9), margin=1.3, size=224).astype(int)
    assert np.abs(crop[::56, ::56].reshape(-1, 3) - GOLDEN).max() <= 1
    assert abs(crop.mean() - GOLDEN_MEAN) < 0.05


def test_golden_crop_of_an_enlarged_face_beyond_the_border(waves: np.ndarray) -> None:
    crop = face_crop(waves, face(-20.0, 300.0, 90.0, 110.0), margin=1.3, size=224).astype(int)
    assert np.abs(crop[::56, ::56].reshape(-1, 3) - GOLDEN_BORDER).max() <= 1


def test_crop_is_a_square_around_the_box_centre() -> None:
    assert crop_box(face(100, 200, 40, 60), margin=1.5) == (75, 185, 90)


def test_outside_the_image_is_mid_grey() -> None:
    image = np.zeros((100, 100, 3), np.uint8)
    square = cut(image, -10, 95, 20)
    assert (square[:5, 10:] == 0).all()
    assert (square[:, :10] == FILL).all()
    assert (square[5:] == FILL).all()


def test_a_box_wholly_outside_is_all_grey() -> None:
    crop = face_crop(np.zeros((50, 50, 3), np.uint8), face(500, 500, 30, 30), 1.3, 64)
    assert crop.shape == (64, 64, 3)
    assert (crop == FILL).all()


def test_fill_normalises_to_zero() -> None:
    crop = np.full((8, 8, 3), FILL, np.uint8)
    assert np.abs(normalise(crop, [127 / 255] * 3, [128 / 255] * 3)).max() < 1e-6


def test_normalise_layout_and_values() -> None:
    crop = np.zeros((4, 4, 3), np.uint8)
    crop[1, 2] = [255, 0, 51]
    tensor = normalise(crop, [0.5, 0.0, 0.1], [0.5, 1.0, 0.1])
    assert tensor.shape == (1, 3, 4, 4)
    assert tensor.dtype == np.float32
    assert tensor[0, :, 1, 2] == pytest.approx([1.0, 0.0, 1.0], abs=1e-6)
    assert tensor[0, :, 0, 0] == pytest.approx([-1.0, 0.0, -1.0], abs=1e-6)


def test_detectors_share_a_crop_that_they_see_alike(waves: np.ndarray) -> None:
    portrait, seen = Portrait(waves, face(60, 90, 180, 190)), face(60, 90, 180, 190)
    assert portrait.crop(1.3, 224) is portrait.crop(1.3, 224)
    assert (portrait.crop(1.3, 224) == face_crop(waves, seen, 1.3, 224)).all()
    assert (portrait.crop(1.5, 96) == face_crop(waves, seen, 1.5, 96)).all()
    assert portrait.box(1.5) == crop_box(seen, 1.5)
