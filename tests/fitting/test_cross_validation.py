"""The comparison that a trained fusion has to win."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from service.fitting.classifiers import KINDS
from service.fitting.cross_validation import (
    CHOSEN,
    FOLDS,
    Line,
    Scorer,
    Table,
    compare,
    figures,
    out_of_fold,
    promise,
)
from service.fitting.model_selection import candidates, fit_of, select

PEOPLE = 40
LOGISTIC, BAYES = (
    next(kind for kind in KINDS if kind.name == name)
    for name in ("logistic-regression", "naive-bayes")
)


def made(good: float, other: dict[str, float], images: int = 240, seed: int = 1) -> Table:
    """Detector `a` tells every species apart by `good`, `b` each one by its own shift."""
    rng = np.random.default_rng(seed)
    names = ["genuine", *other]
    species = np.repeat(names, images)
    fake = species != "genuine"
    shift = np.array([0.0 if name == "genuine" else other[str(name)] for name in species])
    noise = rng.normal(size=(len(species), 2))
    log_odds = np.column_stack([good * fake + noise[:, 0], shift + noise[:, 1]])
    person = np.array([f"p{n % PEOPLE}" for n in range(len(species))])
    return Table(log_odds, fake, species, person)


def first(table: Table) -> Mapping[str, Scorer]:
    return {"first": lambda log_odds: log_odds[:, 0]}


def compared(table: Table) -> dict[str, Line]:
    return {line.name: line for line in compare(table, ["a", "b"], candidates([BAYES], 0))}


def test_two_detectors_that_err_apart_are_better_together() -> None:
    lines = compared(made(1.5, {"x": 1.5, "y": 1.5}))
    assert list(lines) == ["a", "b", "average", "naive-bayes", CHOSEN]
    assert lines[CHOSEN].mean > max(lines["a"].mean, lines["b"].mean) + 0.03
    assert lines[CHOSEN].known == pytest.approx(lines["average"].known, abs=0.02)


def test_what_shines_on_known_species_may_fail_on_a_new_one() -> None:
    """`b` sees x perfectly and takes y for genuine: a fit on x trusts it, and falls for y."""
    lines = compared(made(1.5, {"x": 6.0, "y": -2.0}))
    assert lines[CHOSEN].held_out["y"] < lines["a"].held_out["y"] - 0.2
    assert lines[CHOSEN].mean < lines["a"].mean


def test_a_species_held_out_and_a_person_tested_are_never_learnt_from() -> None:
    table, seen = made(1.0, {"x": 1.0, "y": 1.0}), []

    def fits(part: Table) -> Mapping[str, Scorer]:
        seen.append((set(part.species), set(part.person)))
        return first(part)

    compare(table, ["a", "b"], fits)
    assert [sorted({"x", "y"} - species) for species, _ in seen] == [
        *([[]] * FOLDS),
        *([["x"]] * FOLDS),
        *([["y"]] * FOLDS),
    ]
    for start in range(0, len(seen), FOLDS):
        left_out = [set(table.person) - people for _, people in seen[start : start + FOLDS]]
        assert set().union(*left_out) == set(table.person)
        assert sum(map(len, left_out)) == PEOPLE


def test_the_choice_is_made_within_the_training_images_alone() -> None:
    """What the choice sees of an outer part is a subset of it, whatever it holds out itself."""
    table, inner = made(1.0, {"x": 1.0, "y": 1.0}), []

    def fit(part: Table) -> Scorer:
        inner.append((set(part.species), set(part.person)))
        return first(part)["first"]

    some = table.rows((table.species != "y") & (table.person != "p1"))
    promise(some, fit)
    assert inner
    assert all("y" not in species and "p1" not in people for species, people in inner)


def test_what_is_promised_is_of_species_held_out() -> None:
    """A detector of x alone promises little, though it is perfect on x."""
    table = made(0.0, {"x": 6.0, "y": -6.0})
    by_second = promise(table, lambda _: lambda log_odds: log_odds[:, 1])
    assert by_second == pytest.approx(0.5, abs=0.02)
    assert promise(table.rows(~table.fake), lambda _: lambda log_odds: log_odds[:, 1]) == 0.5


def test_with_one_species_left_people_are_held_out_instead() -> None:
    table = made(2.0, {"x": 2.0})
    assert promise(table, fit_of(LOGISTIC, {"C": 1.0})) > 0.9


def test_every_image_gets_a_score_by_who_has_not_seen_its_person() -> None:
    scores = out_of_fold(made(1.0, {"x": 1.0}), first)["first"]
    assert np.isfinite(scores).all()


def test_chance_is_a_half() -> None:
    dice = figures(
        made(1.0, {"x": 1.0}, 1000),
        lambda _: {"dice": lambda log_odds: np.random.default_rng(0).random(len(log_odds))},
    )
    assert dice["dice"] == pytest.approx(0.5, abs=0.05)


def test_images_of_one_class_teach_nothing_and_break_nothing() -> None:
    table = made(1.0, {"x": 1.0})
    scorer = fit_of(LOGISTIC, {"C": 1.0})(table.rows(~table.fake))
    assert scorer(table.log_odds).shape == table.fake.shape


def test_a_search_tries_more_than_the_grid() -> None:
    table = made(1.5, {"x": 1.5, "y": 1.5}, images=80)
    by_grid = select([LOGISTIC], table, 0)
    searched = select([LOGISTIC], table, 4)
    assert by_grid.params in LOGISTIC.grid
    assert searched.promise >= by_grid.promise
    assert select([LOGISTIC], table, 4) == searched


def test_progress_is_told_to_the_end() -> None:
    told: list[tuple[int, int]] = []
    compare(made(1.0, {"x": 1.0, "y": 1.0}), ["a", "b"], first, lambda *pair: told.append(pair))
    assert told == [(n, 3 * FOLDS) for n in range(1, 3 * FOLDS + 1)]
