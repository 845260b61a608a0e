"""What training does to pixels: alike for a pair, exact fill, changes only where they belong."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from service.analysis.face.crop import FILL
from training.data.augment import SIZE, augment, encoded, frame_of, plain
from training.data.dataset import STORED
from training.data.selfblend import cloned, inlay, self_blend, swap


@pytest.fixture
def crop() -> np.ndarray:
    """A soft random picture with a filled border on the left and at the top."""
    small = np.random.default_rng(0).integers(0, 255, (12, 12, 3), dtype=np.uint8)
    picture = cv2.resize(small, (STORED, STORED), interpolation=cv2.INTER_CUBIC)
    picture[:, :40] = picture[:30] = FILL
    return picture


@pytest.fixture
def keypoints() -> np.ndarray:
    points = [[120, 125], [170, 125], [145, 150], [145, 180], [95, 135], [195, 135]]
    return np.array(points, np.float32)


def test_views_have_the_networks_size(crop: np.ndarray) -> None:
    for view in (plain(crop), augment(crop, 1)):
        assert view.shape == (SIZE, SIZE, 3)
        assert view.dtype == np.uint8


def test_one_seed_one_view(crop: np.ndarray) -> None:
    assert np.array_equal(augment(crop, 3), augment(crop, 3))
    assert not np.array_equal(augment(crop, 3), augment(crop, 4))


@pytest.mark.parametrize("seed", range(20))
def test_a_pair_keeps_its_likeness(crop: np.ndarray, keypoints: np.ndarray, seed: int) -> None:
    """Frame, fill, flip and grey are the same for a face and its manipulated copy."""
    one, other = augment(crop, seed), augment(self_blend(crop, keypoints, 7), seed)
    same_fill = (one == FILL).all(axis=2) == (other == FILL).all(axis=2)
    assert same_fill.mean() > 0.99
    grey = [np.ptp(view, axis=2).max() == 0 for view in (one, other)]
    assert grey[0] == grey[1]
    assert np.abs(one.astype(int) - other).mean() < 30


def test_fill_is_exact_after_augmentation(crop: np.ndarray) -> None:
    crop[:, :90] = FILL
    filled = [(augment(crop, seed) == FILL).all(axis=2).mean() for seed in range(20)]
    assert min(filled) > 0.05


def test_frame_of(crop: np.ndarray) -> None:
    assert frame_of(crop) == (40, 30, STORED, STORED)
    assert frame_of(np.full_like(crop, FILL)) == (0, 0, STORED, STORED)


@pytest.mark.parametrize("seed", range(20))
def test_a_self_blend_changes_the_face_only(
    crop: np.ndarray, keypoints: np.ndarray, seed: int
) -> None:
    before = crop.copy()
    blend = self_blend(crop, keypoints, seed).astype(int)
    assert np.array_equal(crop, before)
    difference = np.abs(blend - crop).max(axis=2)
    assert difference.max() > 0
    assert (difference[:, :40] == 0).all()
    assert (difference[:30] == 0).all()
    assert (difference[-20:, -20:] == 0).all()


@pytest.mark.parametrize("seed", range(30))
def test_a_swap_puts_another_face_inside_the_mask_only(
    crop: np.ndarray, keypoints: np.ndarray, seed: int
) -> None:
    donor = np.ascontiguousarray(crop[:, ::-1])
    swapped = swap(crop, keypoints, donor, keypoints * 0.9 + 12, seed).astype(int)
    difference = np.abs(swapped - crop).max(axis=2)
    assert difference.max() > 10
    assert (difference[:, :40] == 0).all()
    assert (difference[:30] == 0).all()
    assert (difference[-20:, -20:] == 0).all()


def test_a_swap_may_be_of_one_eye_only(crop: np.ndarray, keypoints: np.ndarray) -> None:
    """What lies around a face, a mouth or both eyes is on either side of the nose."""
    donor, nose = np.ascontiguousarray(255 - crop), 145
    swaps = (swap(crop, keypoints, donor, keypoints, seed).astype(int) for seed in range(40))
    columns = [np.nonzero(np.abs(one - crop).max(axis=2) > 20)[1] for one in swaps]
    assert any(len(x) and (x.max() < nose + 8 or x.min() > nose - 8) for x in columns)


def test_a_cloned_part_takes_on_the_light_around_it(crop: np.ndarray) -> None:
    grey, mask = np.full_like(crop, 90), np.zeros((STORED, STORED, 1), np.float32)
    mask[100:180, 100:180] = 1
    assert np.abs(cloned(grey, np.full_like(crop, 200), mask).astype(int) - 90).max() <= 2
    nothing = np.zeros_like(mask)
    assert np.array_equal(cloned(crop, grey, nothing), crop)


def test_a_swapped_face_is_coloured_like_its_surroundings(keypoints: np.ndarray) -> None:
    noise = np.random.default_rng(0).normal(0, 5, (STORED, STORED, 1))
    bright, dark = ((level + noise).repeat(3, axis=2).astype(np.uint8) for level in (180, 60))
    assert np.abs(swap(dark, keypoints, bright, keypoints, 3).astype(int) - dark).mean() < 10


def test_without_usable_keypoints_a_swap_is_a_self_blend(
    crop: np.ndarray, keypoints: np.ndarray
) -> None:
    nowhere = np.zeros_like(keypoints)
    assert np.array_equal(swap(crop, keypoints, crop, nowhere, 1), self_blend(crop, keypoints, 1))


def test_an_inlay_shows_the_copy_in_the_face_and_the_original_around_it(
    crop: np.ndarray, keypoints: np.ndarray
) -> None:
    copy = np.full_like(crop, 255)
    mixed = inlay(crop, copy, keypoints, 2)
    assert (mixed[:30] == crop[:30]).all()
    assert mixed.astype(int).sum() > crop.astype(int).sum()
    assert np.array_equal(inlay(crop, crop, keypoints, 2), crop)


def test_encoding_keeps_channel_order() -> None:
    red = np.zeros((32, 32, 3), np.uint8)
    red[..., 0] = 200
    for suffix in (".jpg", ".webp"):
        assert encoded(red, suffix, 95).reshape(-1, 3).mean(axis=0).argmax() == 0
