"""By how much a threshold must rise for genuine sources that were never seen."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from training.data.dataset import Index
from training.data.pools import PoolRows
from training.fit import new_sources
from training.fit.new_sources import FOLDS, alone, folds, margin, unseen


def test_a_source_is_in_one_fold() -> None:
    sources = np.repeat([f"s{n}" for n in range(9)], 3)
    found = folds(sources).reshape(9, 3)
    assert (found == found[:, :1]).all()
    assert set(found[:, 0]) == set(range(FOLDS))


def test_a_source_with_fakes_of_its_own_is_not_alone() -> None:
    """By its name, or by the group of an original."""
    source, group = np.array(["a", "a", "b", "c", "d"]), np.array(["1", "2", "3", "4", "4"])
    fake = np.array([False, True, False, False, True])
    nothing, found = np.zeros((5, 6, 2)), np.ones(5, bool)
    assert alone(Index(group, fake, source, group, found, nothing, source)).tolist() == ["b"]


def test_the_margin_is_what_new_sources_need_more() -> None:
    rng = np.random.default_rng(0)
    source, known = np.repeat(["a", "b"], 2000), rng.normal(0, 1, 4000)
    new = known + np.where(source == "a", 1.5, 7.0)
    assert margin(known, new, source, np.array(["a"])) == pytest.approx(1.5, abs=0.15)
    assert margin(known, known - 3, source, np.array(["a"])) == 0.0
    assert margin(known, new, source, np.array([])) == 0.0


def test_each_view_is_judged_by_a_readout_that_saw_no_genuine_view_of_its_source(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = np.array([f"s{n}" for n in range(6)])
    seen = PoolRows(
        np.zeros((12, 1)), np.repeat(np.float32([0, 1]), 6), names.repeat(2), np.tile(names, 2)
    )
    checked = PoolRows(np.zeros((6, 1)), np.zeros(6, np.float32), names, names)

    class Remembers:
        def __init__(self, fitted: PoolRows) -> None:
            self.genuine = set(fitted.source[fitted.fake == 0].tolist())
            assert set(fitted.source[fitted.fake == 1].tolist()) == set(names.tolist())

        def values(self) -> set[str]:
            return self.genuine

    monkeypatch.setattr(new_sources, "fit", lambda fitted, epochs, keep: Remembers(fitted))
    lacking: list[set[str]] = []
    monkeypatch.setattr(
        new_sources, "log_odds", lambda genuine, pools: lacking.append(genuine) or len(genuine)
    )
    assert (unseen(seen, checked, 1, None) < 6).all()
    assert set.intersection(*lacking) == set()
