"""A readout taken from one tower to another that sees the same, put otherwise and less sharply."""

from __future__ import annotations

import numpy as np
import pytest

from training.fit.ridge import Values, carried, log_odds, lost, units

WIDTH, HIDDEN = 60, 8


@pytest.fixture(scope="module")
def readout() -> Values:
    rng = np.random.default_rng(0)
    return {
        "readout.weight": rng.normal(0, 0.2, (WIDTH, HIDDEN)).astype(np.float16),
        "readout.bias": rng.normal(0, 1, HIDDEN).astype(np.float32),
        "species.weight": rng.normal(0, 1, (HIDDEN, 3)).astype(np.float32),
        "species.bias": np.zeros(3, np.float32),
    }


@pytest.fixture(scope="module")
def pools() -> tuple[np.ndarray, np.ndarray]:
    """(theirs, ours) of 3,000 views: twelve things seen, ours turned, moved and with noise."""
    rng = np.random.default_rng(1)
    theirs = rng.normal(0, 1, (3000, 12)) @ rng.normal(0, 1, (12, WIDTH))
    turned = theirs @ (np.eye(WIDTH) + rng.normal(0, 0.05, (WIDTH, WIDTH))) + rng.normal(
        0, 1, WIDTH
    )
    return theirs.astype(np.float16), (turned + rng.normal(0, 0.3, turned.shape)).astype(np.float16)


def test_it_answers_as_at_the_tower_it_was_fitted_for(
    readout: Values, pools: tuple[np.ndarray, np.ndarray]
) -> None:
    theirs, ours = pools
    values = carried(readout, theirs[:2000], ours[:2000])
    wanted, as_it_was = units(readout, theirs[2000:]), units(readout, ours[2000:])
    assert lost(wanted, units(values, ours[2000:])) < 0.2 * lost(wanted, as_it_was)
    answers = log_odds(readout, theirs[2000:]), log_odds(values, ours[2000:])
    assert np.corrcoef(*answers)[0, 1] > 0.97


def test_at_the_same_tower_it_stays_as_it_is(
    readout: Values, pools: tuple[np.ndarray, np.ndarray]
) -> None:
    theirs, _ = pools
    values = carried(readout, theirs, theirs)
    assert (values["readout.weight"] == readout["readout.weight"]).all()
    assert values["readout.bias"] == pytest.approx(readout["readout.bias"], abs=1e-3)


def test_fewer_views_than_values_help_too(
    readout: Values, pools: tuple[np.ndarray, np.ndarray]
) -> None:
    theirs, ours = pools
    values = carried(readout, theirs[:20], ours[:20])
    wanted, as_it_was = units(readout, theirs[2000:]), units(readout, ours[2000:])
    assert lost(wanted, units(values, ours[2000:])) < lost(wanted, as_it_was)


def test_values_are_kept_as_small_as_they_were(
    readout: Values, pools: tuple[np.ndarray, np.ndarray]
) -> None:
    values = carried(readout, *(part[:100] for part in pools))
    kinds = {name: value.dtype for name, value in readout.items()}
    assert {name: value.dtype for name, value in values.items()} == kinds
    assert values["species.weight"] is readout["species.weight"]


def test_nothing_is_lost_of_what_is_the_same(pools: tuple[np.ndarray, np.ndarray]) -> None:
    theirs = pools[0].astype(np.float32)
    assert lost(theirs, theirs) == 0
    assert lost(theirs, np.broadcast_to(theirs.mean(axis=0), theirs.shape)) == pytest.approx(
        1, abs=1e-3
    )
