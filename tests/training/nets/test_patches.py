"""Which patches the tower looks at, and what it takes of them."""

from __future__ import annotations

import numpy as np
import pytest

from training.nets.patches import PATCH, SIZE, TOKENS, looked_at, pooling, strips


def test_a_pool_of_equal_tokens_is_that_token() -> None:
    tokens = np.tile(np.arange(3.0), (TOKENS, 1))
    assert pooling() @ tokens == pytest.approx(tokens[:4])


def test_the_middle_and_what_is_around_it_are_told_apart() -> None:
    token, middle, around, both = pooling()
    assert np.flatnonzero(token).tolist() == [0]
    assert (np.count_nonzero(middle), np.count_nonzero(around)) == (64, 64)
    assert not (middle * around).any()
    assert both == pytest.approx((64 * middle + 132 * around) / 196)


def test_a_mirrored_face_is_looked_at_alike() -> None:
    looked = np.isin(np.arange(196), looked_at()).reshape(14, 14)
    assert (looked == looked[:, ::-1]).all()
    assert looked[2:12, 2:12].all()
    assert looked.sum() == TOKENS - 1
    standing = np.zeros((3, 196))
    standing[:, looked_at()] = pooling()[1:, 1:]
    assert standing.reshape(3, 14, 14)[:, :, ::-1].reshape(3, 196) == pytest.approx(standing)


def test_strips_make_up_the_patches_that_are_looked_at() -> None:
    image = np.arange(3 * SIZE * SIZE).reshape(3, SIZE, SIZE)
    patches = image.reshape(-1, PATCH)[strips()].reshape(TOKENS - 1, 3, PATCH, PATCH)
    for number, patch in zip(looked_at(), patches, strict=True):
        top, left = PATCH * (number // 14), PATCH * (number % 14)
        assert (patch == image[:, top : top + PATCH, left : left + PATCH]).all()
