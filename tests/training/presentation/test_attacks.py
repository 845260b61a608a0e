"""Modelled screens, prints and cameras: sound pictures, another one for each seed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.images import portrait
from training.presentation import attacks, camera

Make = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def picture() -> np.ndarray:
    return camera.as_image(np.asarray(portrait().convert("RGB").resize((160, 200))))


@pytest.mark.parametrize("make", [attacks.replayed, attacks.printed, camera.turned, camera.seen])
def test_a_scene_stays_a_picture(make: Make) -> None:
    for seed in range(25):
        scene = make(picture(), np.random.default_rng(seed))
        assert scene.shape == picture().shape
        assert np.isfinite(scene).all()
        assert scene.min() >= -1e-6
        assert scene.max() <= 1 + 1e-6


@pytest.mark.parametrize("make", [attacks.replayed, attacks.printed, camera.seen])
def test_a_seed_makes_one_scene(make: Make) -> None:
    one, same, other = (make(picture(), np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert np.array_equal(one, same)
    assert not np.allclose(one, other, atol=0.01)


def test_a_camera_of_no_strength_only_encodes() -> None:
    for seed in range(10):
        seen = camera.seen(picture(), np.random.default_rng(seed), 0.0)
        assert np.abs(seen - picture()).mean() < 0.03


def test_a_print_has_fewer_tones_than_its_picture() -> None:
    spread = [attacks.printed(picture(), np.random.default_rng(s)).std() for s in range(20)]
    assert np.mean(spread) < picture().std()
