"""A trained fusion compared with what it has to beat, on people and species it never saw.

Rows are images. Folds are made by person, never by image; a species of fakes is held out whole.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from service.analysis.rates import auc, balanced, sigmoid

FOLDS = 5
RIDGES = (1e-3, 1e-2, 1e-1, 1.0)
Scorer = Callable[[np.ndarray], np.ndarray]
Fit = Callable[["Table"], Scorer]


@dataclass(frozen=True, eq=False)
class Table:
    """`log_odds` is images x detectors; `fake` is boolean; `species` and `person` are names."""

    log_odds: np.ndarray
    fake: np.ndarray
    species: np.ndarray
    person: np.ndarray

    def rows(self, chosen: np.ndarray) -> Table:
        """Some of the images."""
        parts = (self.log_odds, self.fake, self.species, self.person)
        return Table(*(part[chosen] for part in parts))


@dataclass(frozen=True)
class Line:
    """One candidate: AUC among known species, and for each species held out."""

    name: str
    known: float
    held_out: dict[str, float]

    @property
    def mean(self) -> float:
        """Over the species held out."""
        return float(np.mean(list(self.held_out.values())))


def logistic(table: Table, ridge: float) -> tuple[np.ndarray, float]:
    """Weights and intercept; both classes, and in a class every species, count the same."""
    weights = balanced(table.fake, table.species)
    design = np.column_stack([table.log_odds, np.ones(len(table.fake))])
    penalty = np.diag([ridge] * table.log_odds.shape[1] + [1e-9])
    solution = np.zeros(design.shape[1])
    for _ in range(50):
        probability = sigmoid(design @ solution)
        gradient = design.T @ (weights * (probability - table.fake)) + penalty @ solution
        curvature = (design.T * (weights * probability * (1 - probability))) @ design + penalty
        step = np.linalg.solve(curvature, gradient)
        solution = solution - np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-8:
            break
    return solution[:-1], float(solution[-1])


def best_ridge(table: Table) -> float:
    """The ridge that does best on species held out of these images."""
    return max(RIDGES, key=lambda ridge: float(np.mean(list(held_out(table, _at(ridge)).values()))))


def stacked(table: Table) -> Scorer:
    """Logistic regression whose ridge is chosen within the training images alone."""
    species = np.unique(table.species[table.fake])
    return _at(best_ridge(table) if len(species) > 1 else RIDGES[1])(table)


def compare(table: Table, detectors: list[str]) -> list[Line]:
    """Each detector alone, their average, and the trained fusion."""
    fits: dict[str, Fit] = {name: _alone(i) for i, name in enumerate(detectors)}
    fits |= {"average": _average, "stacking": stacked}
    return [Line(name, known(table, fit), held_out(table, fit)) for name, fit in fits.items()]


def known(table: Table, fit: Fit) -> float:
    """AUC on people left out, among species that the fit has seen."""
    return auc(out_of_fold(table, fit), table.fake)


def out_of_fold(table: Table, fit: Fit) -> np.ndarray:
    """Each image's score by a fit that has not seen its person."""
    fold, scores = _folds(table.person), np.empty(len(table.fake))
    for number in range(FOLDS):
        if (fold == number).any():
            scores[fold == number] = fit(table.rows(fold != number))(table.log_odds[fold == number])
    return scores


def held_out(table: Table, fit: Fit) -> dict[str, float]:
    """AUC of each species of fakes against genuine images, both of people left out, by fits that
    have seen neither these people nor any image of the species."""
    fold = _folds(table.person)
    return {
        str(one): _held_out(table, fit, fold, one) for one in np.unique(table.species[table.fake])
    }


def _held_out(table: Table, fit: Fit, fold: np.ndarray, species: str) -> float:
    asked = (table.species == species) | ~table.fake
    scores = np.empty(len(table.fake))
    for number in range(FOLDS):
        test = asked & (fold == number)
        if test.any():
            scores[test] = fit(table.rows((table.species != species) & (fold != number)))(
                table.log_odds[test]
            )
    return auc(scores[asked], table.fake[asked])


def _folds(person: np.ndarray) -> np.ndarray:
    _, number = np.unique(person, return_inverse=True)
    return np.asarray(np.random.default_rng(0).permutation(number.max() + 1)[number] % FOLDS)


def _alone(index: int) -> Fit:
    return lambda _: lambda log_odds: log_odds[:, index]


def _average(_: Table) -> Scorer:
    return lambda log_odds: sigmoid(log_odds).mean(axis=1)


def _at(ridge: float) -> Fit:
    def fit(table: Table) -> Scorer:
        if len(np.unique(table.fake)) < 2:  # no other species is left to learn from
            return lambda log_odds: log_odds.mean(axis=1)
        weights, intercept = logistic(table, ridge)
        return lambda log_odds: log_odds @ weights + intercept

    return fit
