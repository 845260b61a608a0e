"""Select a classifier and its parameters by species held out of the training images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from service.fitting.classifiers import Kind, Params, fitted, scorer
from service.fitting.cross_validation import CHOSEN, Fit, Fits, Scorer, Table, guarded, promise

if TYPE_CHECKING:
    import optuna


@dataclass(frozen=True)
class Choice:
    """A kind of classifier, the best parameters for it, and what both promise (an AUC)."""

    kind: Kind
    params: Params
    promise: float

    @property
    def fit(self) -> Fit:
        """Fits it on other images."""
        return fit_of(self.kind, self.params)


def fit_of(kind: Kind, params: Params) -> Fit:
    """A fit with these parameters."""
    return guarded(lambda table: scorer(fitted(kind, params, table)))


def candidates(kinds: Sequence[Kind], trials: int) -> Fits:
    """One candidate a kind, and the one that would be chosen among them."""

    def fits(seen: Table) -> Mapping[str, Scorer]:
        choices = [best_of(kind, seen, trials) for kind in kinds]
        found = {one.kind.name: one.fit(seen) for one in choices}
        return {**found, CHOSEN: found[_highest(choices).kind.name]}

    return fits


def select(kinds: Sequence[Kind], table: Table, trials: int) -> Choice:
    """The best kind and its parameters by all images."""
    return _highest([best_of(kind, table, trials) for kind in kinds])


def best_of(kind: Kind, table: Table, trials: int) -> Choice:
    """The best parameters of one kind: of its grid, then of as many `trials` of a search."""
    tried = [_tried(kind, params, table) for params in kind.grid]
    return _highest([*tried, *_searched(kind, table, trials)])


def _highest(choices: Iterable[Choice]) -> Choice:
    return max(choices, key=lambda one: one.promise)


def _tried(kind: Kind, params: Params, table: Table) -> Choice:
    return Choice(kind, params, promise(table, fit_of(kind, params)))


def _searched(kind: Kind, table: Table, trials: int) -> list[Choice]:
    if trials < 1:
        return []
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    found: list[Choice] = []

    def objective(trial: optuna.Trial) -> float:
        found.append(_tried(kind, _suggested(kind, trial), table))
        return found[-1].promise

    sampler = optuna.samplers.TPESampler(seed=0)
    optuna.create_study(direction="maximize", sampler=sampler).optimize(objective, trials)
    return found


def _suggested(kind: Kind, trial: optuna.Trial) -> Params:
    params: dict[str, Any] = {}
    for name, (low, high) in kind.space.items():
        if isinstance(low, int) and isinstance(high, int):
            params[name] = trial.suggest_int(name, low, high)
        else:
            params[name] = trial.suggest_float(name, low, high, log=True)
    return params
