"""The eight classifiers: they learn, weigh species evenly, and answer the same as ONNX."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from service.errors import StartupError
from service.fitting import classifiers
from service.fitting.classifiers import KINDS, Kind, export, fitted, scorer
from service.fitting.metrics import auc
from service.repository.session import open_session
from tests.fitting.test_cross_validation import made

CONTRACT = {
    *("logistic-regression", "random-forest", "gradient-boosting", "svm"),
    *("k-nn", "naive-bayes", "xgboost", "lightgbm"),
}
each = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


def test_they_are_those_of_the_contract() -> None:
    assert {kind.name for kind in KINDS} == CONTRACT


@each
def test_it_learns_and_onnx_runtime_says_the_same(kind: Kind, tmp_path: Path) -> None:
    train, test = made(2.0, {"x": 2.0, "y": 2.0}), made(2.0, {"x": 2.0, "y": 2.0}, seed=2)
    model = fitted(kind, kind.grid[-1], train)
    said = scorer(model)(test.log_odds)
    assert auc(said, test.fake) > 0.9
    export(kind, model, tmp_path / "model.onnx", 2)
    session = open_session(tmp_path / "model.onnx")
    values = test.log_odds.astype(np.float32)
    (batch,) = session.run(["probabilities"], {"log_odds": values})
    assert np.abs(batch[:, 1] - said).max() < 1e-4
    (one,) = session.run(["probabilities"], {"log_odds": values[:1]})
    assert one.shape == (1, 2)


@each
def test_each_of_its_grid_and_both_ends_of_its_search_fit(kind: Kind) -> None:
    table = made(1.0, {"x": 1.0, "y": 1.0}, images=60)
    ends = [{name: span[end] for name, span in kind.space.items()} for end in (0, 1)]
    for params in (*kind.grid, *ends):
        said = scorer(fitted(kind, params, table))(table.log_odds)
        assert ((said >= 0) & (said <= 1)).all()


@pytest.mark.parametrize("name", ["logistic-regression", "k-nn"])
def test_many_images_of_one_species_do_not_outvote_another(name: str) -> None:
    kind = next(kind for kind in KINDS if kind.name == name)
    few = made(1.0, {"x": 2.0, "y": -2.0})
    often = np.concatenate([np.arange(len(few.fake)), *[np.flatnonzero(few.species == "x")] * 9])
    one, other = (fitted(kind, kind.grid[-1], table) for table in (few, few.rows(often)))
    values = np.random.default_rng(3).normal(size=(200, 2))
    assert np.abs(scorer(one)(values) - scorer(other)(values)).mean() < 0.1


def test_what_gets_slower_with_each_image_learns_from_some(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = classifiers._drawn(KINDS[3], np.ones(classifiers.MOST * 2))
    assert len(drawn) == classifiers.MOST
    assert len(set(drawn)) == classifiers.MOST


def test_without_the_extra_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(StartupError, match="not installed") as told:
        classifiers.check_installed()
    assert "facegate[ensemble]" in told.value.remedy
