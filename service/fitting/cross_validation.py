"""Compare fusions with their baselines on people and species that they were not fitted to.

Rows are images. Folds are made by person, never by image; a species of fakes is held out whole. How
a fusion is made is chosen within the training images alone (nested cross-validation).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from service.fitting.metrics import auc, sigmoid

FOLDS, INNER = 5, 3
CHOSEN = "chosen"  # the candidate that stands for the whole procedure, its choice included
Scorer = Callable[[np.ndarray], np.ndarray]
Fit = Callable[["Table"], Scorer]
Fits = Callable[["Table"], Mapping[str, Scorer]]
Told = Callable[[int, int], None]


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

    @property
    def attacks(self) -> list[str]:
        """The species of fakes."""
        return [str(one) for one in np.unique(self.species[self.fake])]


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


def compare(
    table: Table, detectors: Sequence[str], fits: Fits, told: Told = lambda *_: None
) -> list[Line]:
    """Each detector alone, their average, and each candidate that `fits` makes of images.

    `told` hears how many of how many fits of them all are done.
    """
    parts = [None, *table.attacks]
    done = _Progress(told, len(parts) * FOLDS)

    def everybody(seen: Table) -> dict[str, Scorer]:
        alone = {name: _alone(i) for i, name in enumerate(detectors)}
        found = {**alone, "average": _average, **fits(seen)}
        done()
        return found

    by_part = {part: figures(table, everybody, held_out=part) for part in parts}
    return [
        Line(name, known, {one: by_part[one][name] for one in table.attacks})
        for name, known in by_part[None].items()
    ]


def figures(
    table: Table, fits: Fits, *, held_out: str | None = None, folds: int | None = None
) -> dict[str, float]:
    """AUC of each candidate on people left out.

    With a species held out: of that species against genuine images, by fits that have not seen
    any image of it.
    """
    asked = ~table.fake | _is(table, held_out) if held_out else np.full(len(table.fake), True)
    scores = out_of_fold(table, fits, held_out=held_out, folds=folds)
    return {name: auc(said[asked], table.fake[asked]) for name, said in scores.items()}


def out_of_fold(
    table: Table, fits: Fits, *, held_out: str | None = None, folds: int | None = None
) -> dict[str, np.ndarray]:
    """Each image's score by candidates that have not seen its person."""
    folds = folds or FOLDS
    fold = _folds(table.person, folds)
    scores: dict[str, np.ndarray] = defaultdict(lambda: np.full(len(table.fake), np.nan))
    for number in range(folds):
        test = fold == number
        seen = table.rows(~test & ~_is(table, held_out))
        for name, scorer in fits(seen).items() if test.any() else ():
            scores[name][test] = scorer(table.log_odds[test])
    return dict(scores)


def promise(table: Table, fit: Fit) -> float:
    """How well fits like this do on species held out of these images; where there is but one
    species, on people left out. 0.5 where neither can be told."""
    held: list[str | None] = [*table.attacks] if len(table.attacks) > 1 else [None]
    each = [figures(table, lambda t: {"": fit(t)}, held_out=one, folds=INNER)[""] for one in held]
    return float(np.mean(np.nan_to_num(each, nan=0.5)))


def guarded(fit: Fit) -> Fit:
    """Where all images are of one class there is nothing to learn: their detectors' mean."""
    return lambda table: fit(table) if len(np.unique(table.fake)) == 2 else _average


def _is(table: Table, species: str | None) -> np.ndarray:
    return np.asarray(table.species == (species or ""))


def _folds(person: np.ndarray, folds: int) -> np.ndarray:
    _, number = np.unique(person, return_inverse=True)
    return np.asarray(np.random.default_rng(0).permutation(number.max() + 1)[number] % folds)


def _alone(index: int) -> Scorer:
    return lambda log_odds: log_odds[:, index]


def _average(log_odds: np.ndarray) -> np.ndarray:
    return np.asarray(sigmoid(log_odds).mean(axis=1))


class _Progress:
    def __init__(self, told: Told, total: int) -> None:
        self._told, self._total, self._done = told, total, 0

    def __call__(self) -> None:
        self._done += 1
        self._told(self._done, self._total)
