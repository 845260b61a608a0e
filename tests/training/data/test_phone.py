"""What phones do to a selfie, at random strength; and views that are changed but little."""

from __future__ import annotations

import numpy as np
import pytest

from service.analysis.face.crop import FILL
from training.data.augment import SIZE, lightly
from training.data.dataset import STORED
from training.data.phone import CHANGES, SHARES, Change, by_phone


@pytest.fixture(scope="module")
def crop() -> np.ndarray:
    """Skin-coloured noise, filled on the left."""
    found = np.random.default_rng(0).normal((200, 150, 130), 25, (STORED, STORED, 3))
    found[:, :40] = FILL
    return found.clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_change_keeps_size_and_kind_and_changes(change: Change, crop: np.ndarray) -> None:
    changed = change(crop, np.random.default_rng(1))
    assert (changed.shape, changed.dtype) == (crop.shape, np.uint8)
    assert not np.array_equal(changed, crop)


def test_shares_are_of_all_changes() -> None:
    assert len(SHARES) == len(CHANGES)
    assert sum(SHARES) == pytest.approx(1)


@pytest.mark.parametrize("seed", range(6))
def test_the_fill_stays(seed: int, crop: np.ndarray) -> None:
    changed = by_phone(crop, np.random.default_rng(seed))
    assert (changed[:, :40] == FILL).all()
    assert not np.array_equal(changed, crop)


def test_a_light_view_is_the_same_for_the_same_seed(crop: np.ndarray) -> None:
    assert lightly(crop, 5).shape == (SIZE, SIZE, 3)
    assert np.array_equal(lightly(crop, 5), lightly(crop, 5))
    assert not np.array_equal(lightly(crop, 5), lightly(crop, 6))
