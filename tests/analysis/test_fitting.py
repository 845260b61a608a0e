"""The comparison that a trained fusion has to win."""

from __future__ import annotations

import numpy as np
import pytest

from service.analysis import fitting
from service.analysis.fitting import Table, compare, held_out, known, logistic, out_of_fold

PEOPLE = 40


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


def test_two_detectors_that_err_apart_are_better_together() -> None:
    lines = {line.name: line for line in compare(made(1.5, {"x": 1.5, "y": 1.5}), ["a", "b"])}
    assert list(lines) == ["a", "b", "average", "stacking"]
    assert lines["stacking"].mean > max(lines["a"].mean, lines["b"].mean) + 0.03
    assert lines["stacking"].known == pytest.approx(lines["average"].known, abs=0.02)


def test_what_shines_on_known_species_may_fail_on_a_new_one() -> None:
    """`b` sees x perfectly and takes y for genuine: a fit on x trusts it, and falls for y."""
    lines = {line.name: line for line in compare(made(1.5, {"x": 6.0, "y": -2.0}), ["a", "b"])}
    assert lines["stacking"].held_out["y"] < lines["a"].held_out["y"] - 0.2
    assert lines["stacking"].mean < lines["a"].mean


def test_a_species_held_out_is_never_learnt_from(monkeypatch: pytest.MonkeyPatch) -> None:
    table, seen = made(1.0, {"x": 1.0, "y": 1.0}), []

    def fit(part: Table) -> fitting.Scorer:
        seen.append((set(part.species), set(part.person)))
        return lambda log_odds: log_odds[:, 0]

    held_out(table, fit)
    assert all({"x", "y"} - species for species, _ in seen)
    assert all(len(people) < PEOPLE for _, people in seen)


def test_a_person_is_never_on_both_sides() -> None:
    table = made(1.0, {"x": 1.0})
    tests: list[set[str]] = []

    def fit(part: Table) -> fitting.Scorer:
        tests.append(set(table.person) - set(part.person))
        return lambda log_odds: np.zeros(len(log_odds))

    out_of_fold(table, fit)
    assert set().union(*tests) == set(table.person)
    assert sum(map(len, tests)) == PEOPLE


def test_chance_is_a_half() -> None:
    def dice(part: Table) -> fitting.Scorer:
        return lambda log_odds: np.random.default_rng(0).random(len(log_odds))

    assert known(made(1.0, {"x": 1.0}, 1000), dice) == pytest.approx(0.5, abs=0.05)


def test_weights_follow_what_a_detector_is_worth() -> None:
    weights, _ = logistic(made(3.0, {"x": 0.0, "y": 0.0}), 1e-3)
    assert weights[0] > 1
    assert abs(weights[1]) < 0.3


def test_many_images_of_one_species_do_not_outvote_another() -> None:
    few = made(1.0, {"x": 2.0, "y": -2.0})
    many = few.rows(
        np.concatenate([np.arange(len(few.fake)), *[np.flatnonzero(few.species == "x")] * 9])
    )
    assert logistic(many, 1e-2)[0] == pytest.approx(logistic(few, 1e-2)[0], abs=0.02)
