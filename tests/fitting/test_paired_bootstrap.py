"""Before and after: what counts as better, and the figures that say so."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from service.fitting.paired_bootstrap import compare, mean_apcer


@dataclass(frozen=True)
class Faces:
    fake: np.ndarray
    source: np.ndarray
    group: np.ndarray


def faces(count: int = 400) -> Faces:
    """Half of them attacks, of two species."""
    fake = np.arange(count) % 2 == 1
    source = np.where(fake, np.where(np.arange(count) % 4 == 1, "swap", "gan"), "cam")
    return Faces(fake, source, np.arange(count).astype(str))


def scores(of: Faces, apart: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, len(of.fake)) + apart * of.fake


def test_what_tells_more_is_better() -> None:
    found = compare(scores(faces(), 0.5), scores(faces(), 2.0), faces(), 0.05)
    assert found.better
    assert found.auc_before["value"] < found.auc_after["value"]  # type: ignore[operator]
    assert found.apcer_after["value"] < found.apcer_before["value"]  # type: ignore[operator]
    assert 0 < found.auc_gain["low"] < found.auc_gain["high"]  # type: ignore[operator]


def test_the_same_is_not_better() -> None:
    found = compare(scores(faces(), 1), scores(faces(), 1), faces(), 0.05)
    assert not found.better
    assert found.auc_gain == {"value": 0.0, "low": 0.0, "high": 0.0}


def test_what_may_be_chance_is_not_better() -> None:
    found = compare(scores(faces(60), 1.0), scores(faces(60), 1.1, seed=4), faces(60), 0.05)
    assert found.auc_gain["low"] < 0  # type: ignore[operator]
    assert not found.better


def test_a_gain_that_lets_more_attacks_through_is_not_better() -> None:
    """Most images are told better, but a few genuine ones score highest of all."""
    of = faces()
    after = scores(of, 3.0)
    after[np.flatnonzero(~of.fake)[:12]] = 99
    found = compare(scores(of, 1.0), after, of, 0.05)
    assert found.auc_gain["low"] > 0  # type: ignore[operator]
    assert found.apcer_after["value"] == 1.0
    assert not found.better


def test_one_class_alone_is_not_better() -> None:
    genuine = Faces(np.zeros(50, bool), np.full(50, "cam"), np.arange(50).astype(str))
    found = compare(scores(genuine, 0), scores(genuine, 0, seed=1), genuine, 0.05)
    assert found.auc_after["value"] is None
    assert not found.better


def test_apcer_is_the_mean_of_the_species() -> None:
    """At most 2 of 20 genuine images may be refused: the attack at 0.85 is, that at 0.75 is not."""
    genuine = np.arange(20) / 20  # 0.00 ... 0.95
    attacks = np.array([0.86, 0.86, 0.86, 0.75])
    fake = np.arange(24) >= 20
    source = np.array([*["cam"] * 20, "swap", "swap", "gan", "gan"])
    assert mean_apcer(np.concatenate([genuine, attacks]), fake, source, 0.1) == 0.25


def test_apcer_with_equal_scores_keeps_the_rate() -> None:
    """All score the same: to refuse none of the genuine ones, every attack is let through."""
    fake = np.arange(40) >= 20
    assert mean_apcer(np.zeros(40), fake, np.where(fake, "swap", "cam"), 0.05) == 1.0


@pytest.mark.parametrize("fake", [np.zeros(5, bool), np.ones(5, bool), np.zeros(0, bool)])
def test_apcer_of_one_class_is_unknown(fake: np.ndarray) -> None:
    assert np.isnan(mean_apcer(np.zeros(len(fake)), fake, np.full(len(fake), "x"), 0.05))
