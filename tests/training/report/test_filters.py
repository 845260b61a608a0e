"""Filters keep size and kind of an image, are the same each time, and do what their names say."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from service.errors import CannotJudge, Reason
from training.report import filter_rates, filters
from training.report.filters import FILTERS

SKIN, BLUE = (224, 172, 140), (40, 80, 200)


@pytest.fixture
def picture() -> np.ndarray:
    """Skin on the left, blue on the right, with a sharp edge between and noise on both."""
    image = np.zeros((90, 120, 3), float)
    image[:, :60], image[:, 60:] = SKIN, BLUE
    noise = np.random.default_rng(0).normal(0, 6, image.shape)
    return (image + noise).clip(0, 255).astype(np.uint8)


def grain(part: np.ndarray) -> float:
    return float(cv2.Laplacian(part, cv2.CV_32F).std())


@pytest.mark.parametrize("name", FILTERS)
def test_the_image_keeps_its_size_and_changes_alike_each_time(
    name: str, picture: np.ndarray
) -> None:
    before = picture.copy()
    after = FILTERS[name](picture)
    assert after.shape == picture.shape
    assert after.dtype == np.uint8
    assert np.array_equal(picture, before)
    assert np.array_equal(after, FILTERS[name](picture))
    assert not np.array_equal(after, picture)


@pytest.mark.parametrize(
    "name", ["bilateral 5 px", "bilateral 11 px", "non-local means h 5", "median 3 px"]
)
def test_denoising_takes_grain_and_keeps_the_edge(name: str, picture: np.ndarray) -> None:
    after = FILTERS[name](picture)
    assert grain(after[:, 5:50]) < 0.8 * grain(picture[:, 5:50])
    step = after[:, 63:70].mean(axis=(0, 1)) - after[:, 50:57].mean(axis=(0, 1))
    assert step == pytest.approx(np.subtract(BLUE, SKIN), abs=12)


def test_more_denoising_takes_more(picture: np.ndarray) -> None:
    grains = [grain(filters.non_local_means(h, picture)[:, 5:50]) for h in (3, 5, 10)]
    assert grains == sorted(grains, reverse=True)


def test_a_beauty_filter_smooths_skin_only(picture: np.ndarray) -> None:
    after = filters.skin_smoothing(1.0, picture)
    assert grain(after[:, 5:45]) < 0.5 * grain(picture[:, 5:45])
    assert np.array_equal(after[:, 80:], picture[:, 80:])


def test_unsharp_raises_detail(picture: np.ndarray) -> None:
    assert grain(filters.unsharp(1.5, picture)) > 1.5 * grain(picture)


def test_a_tone_curve_darkens_shadows_and_lightens_lights() -> None:
    grey = np.tile(np.array([0, 60, 190, 255], np.uint8)[None, :, None], (2, 1, 3))
    after = filters.tone_curve(0.7, grey)[0, :, 0]
    assert after[0] == 0
    assert after[1] < 60
    assert after[2] > 190
    assert after[3] == 255


def test_an_hdr_look_flattens_light() -> None:
    image = np.full((80, 200, 3), 40, np.uint8)
    image[:, 100:] = 200
    after = filters.hdr_look(0.6, image)
    assert after[:, :60].mean() > 45
    assert after[:, 140:].mean() < 195


def test_local_contrast_widens_a_narrow_range() -> None:
    ramp = np.tile(np.linspace(110, 130, 160).astype(np.uint8)[None, :, None], (160, 1, 3))
    assert filters.local_contrast(2.0, ramp).std() > ramp.std()


def test_low_light_keeps_the_mean_and_loses_detail(picture: np.ndarray) -> None:
    after = filters.low_light(0.25, picture)
    assert after[:, 5:50].mean() == pytest.approx(picture[:, 5:50].mean(), abs=8)


class Suspicious:
    """An analyzer that suspects what is smooth, and judges no dark image."""

    def analyze(self, data: bytes) -> SimpleNamespace:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        if image.mean() < 20:
            raise CannotJudge(Reason.FACE_NOT_FOUND)
        return SimpleNamespace(decision="deepfake" if grain(image) < 20 else "bona_fide")


def test_every_filter_gets_its_error_rate(picture: np.ndarray) -> None:
    def images() -> Iterator[tuple[int, np.ndarray]]:
        yield from enumerate([picture, picture, np.zeros_like(picture)])

    seen = filter_rates.measure(Suspicious(), images(), 3)  # type: ignore[arg-type]
    rows = {row[0]: row[1:] for row in filter_rates.lines(seen, np.array(["a", "b", "c"]))}
    assert list(rows) == [filter_rates.AS_IS, *FILTERS]
    assert rows[filter_rates.AS_IS][0] == "2"
    assert rows[filter_rates.AS_IS][1].startswith("0.000")
    assert rows["non-local means h 10"][1].startswith("1.000")
    assert rows[filter_rates.AS_IS][2] == "1"
