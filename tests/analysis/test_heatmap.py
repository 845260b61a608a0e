"""The heat map: a PNG of bounded size, coloured where the evidence is."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from service.analysis.detectors.base import Prediction
from service.analysis.heatmap import heat_map_uri

GREY = np.full((400, 300, 3), 100, np.uint8)


def corner(value: float = 9.0) -> np.ndarray:
    """A map with evidence in its lower right cell only."""
    heat = np.full((4, 4), -1.0, np.float32)
    heat[3, 3] = value
    return heat


def overlay(image: np.ndarray, *predictions: Prediction) -> np.ndarray:
    uri = heat_map_uri(image, predictions)
    assert uri is not None
    kind, _, text = uri.partition(",")
    assert kind == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text)))).astype(int)


def change(image: np.ndarray, before: np.ndarray = GREY) -> np.ndarray:
    return np.abs(image - before.astype(int)).max(axis=2)


def test_coloured_where_the_evidence_is() -> None:
    changed = change(overlay(GREY, Prediction(0.9, (100, 100, 80), corner())))
    y, x = np.unravel_index(changed.argmax(), changed.shape)
    assert changed.max() > 50
    assert (abs(x - 170), abs(y - 170)) <= (10, 10)
    assert changed[:140].max() == changed[:, :140].max() == 0
    assert changed[195:].max() == changed[:, 195:].max() == 0


def test_the_strongest_evidence_is_red() -> None:
    red, green, blue = overlay(GREY, Prediction(0.9, (0, 0, 300), np.full((4, 4), 5.0)))[150, 150]
    assert red > green
    assert red > blue


@pytest.mark.parametrize("heat", [np.full((4, 4), -3.0), np.zeros((7, 7)), np.full((4, 4), np.nan)])
def test_no_evidence_changes_nothing(heat: np.ndarray) -> None:
    assert change(overlay(GREY, Prediction(0.1, (100, 100, 80), heat))).max() == 0


def test_weak_evidence_is_not_blown_up() -> None:
    weak, strong = (
        change(overlay(GREY, Prediction(0.5, (100, 100, 80), corner(value)))).max()
        for value in (0.1, 5.0)
    )
    assert weak < strong / 3


def test_a_box_beyond_the_border() -> None:
    changed = change(overlay(GREY, Prediction(0.9, (200, 300, 200), np.full((4, 4), 5.0))))
    assert changed[350, 250] > 50
    assert changed[250, 150] == 0


@pytest.mark.parametrize(
    ("shape", "size"), [((2000, 1000), (640, 320)), ((480, 500), (480, 500)), ((1, 3000), (1, 640))]
)
def test_the_size_is_bounded(shape: tuple[int, int], size: tuple[int, int]) -> None:
    image = np.full((*shape, 3), 100, np.uint8)
    assert overlay(image, Prediction(0.9, (0, 0, 50), corner())).shape == (*size, 3)


def test_several_maps_are_averaged() -> None:
    both = (
        Prediction(0.9, (100, 100, 80), corner()),
        Prediction(0.1, (90, 90, 99), np.zeros((7, 7))),
    )
    assert 0 < change(overlay(GREY, *both)).max() < change(overlay(GREY, both[0])).max()


def test_without_a_map_there_is_none() -> None:
    assert heat_map_uri(GREY, [Prediction(0.9, (0, 0, 50))]) is None
