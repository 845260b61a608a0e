"""What the head does to sources that it was fitted without: the only figures that count.

Every source counts with at most MOST live faces and MOST attacks, so that the largest does not
speak for all. Intervals are 95 %, by drawing sources.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from service.fitting import metrics
from training.presentation.head import by_parts, fit, moments

MOST = 40
RATES = (0.02, 0.05, 0.1)  # BPCER of the operating points
DRAWS = 400
Figure = dict[str, float]


@dataclass(frozen=True, eq=False)
class LeftOut:
    """Plain photographs that were judged by heads without their sources. N each."""

    logit: np.ndarray
    attack: np.ndarray
    source: np.ndarray
    species: np.ndarray

    def where(self, rows: np.ndarray) -> LeftOut:
        return LeftOut(*(value[rows] for value in vars(self).values()))

    @property
    def weight(self) -> np.ndarray:
        """Weights by which no source has more than MOST of a kind."""
        weight = np.ones(len(self.logit))
        for source in np.unique(self.source):
            for attack in (False, True):
                mine = (self.source == source) & (self.attack == attack)
                weight[mine] = min(1.0, MOST / max(mine.sum(), 1))
        return weight


def logits(
    known: Mapping[str, np.ndarray], features: str, tested: np.ndarray, parts: Sequence[slice]
) -> np.ndarray:
    """Logits of the `tested` rows, each by a head fitted to the views of all other sources."""
    source, found = known["source"][tested], np.zeros(int(tested.sum()))
    for _, views, whole in by_parts(known, features, parts):
        seen, known_moments = views.features[tested], moments(views, [whole])
        for name in np.unique(source):
            mine = source == name
            found[mine] += seen[mine] @ fit(known_moments, [whole], [str(name)])
    return found


def threshold(judged: LeftOut, rate: float) -> float:
    """The logit from which on this share of live faces counts as attacks."""
    live = judged.where(~judged.attack)
    order = np.argsort(-live.logit)
    share = np.cumsum(live.weight[order]) / live.weight.sum()
    return float(live.logit[order][np.searchsorted(share, rate)])


def auc(judged: LeftOut) -> float:
    return _auc(judged, judged.weight)


def apcer(judged: LeftOut, rate: float = 0.05) -> float:
    """The APCER at the threshold for this BPCER on the same images."""
    return missed(judged, threshold(judged, rate))


def missed(judged: LeftOut, line: float) -> float:
    """Share of the attacks below a threshold."""
    attacks = judged.where(judged.attack)
    return float(np.average(attacks.logit < line, weights=attacks.weight))


def with_interval(judged: LeftOut, figure: Callable[[LeftOut], float]) -> Figure:
    """95 %, by drawing sources with replacement."""
    rng, names = np.random.default_rng(0), np.unique(judged.source)
    rows = {name: np.flatnonzero(judged.source == name) for name in names}
    drawn = []
    for _ in range(DRAWS):
        chosen = np.concatenate([rows[name] for name in rng.choice(names, len(names))])
        some = judged.where(chosen)
        if 0 < some.attack.sum() < len(some.attack):
            drawn.append(figure(some))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return {"value": figure(judged), "low": float(low), "high": float(high)}


def by_source(judged: LeftOut, line: float) -> dict[str, dict[str, float | int | None]]:
    """Figures of each source, by number: images, AUC, APCER and BPCER at a threshold."""
    names = enumerate(np.unique(judged.source), 1)
    return {
        f"camera {number}": _source(judged.where(judged.source == name), line)
        for number, name in names
    }


def _source(mine: LeftOut, line: float) -> dict[str, float | int | None]:
    attacks, live = mine.logit[mine.attack], mine.logit[~mine.attack]
    both = len(attacks) and len(live)
    return {
        "attacks": len(attacks),
        "live": len(live),
        "auc": _auc(mine) if both else None,
        "apcer": float((attacks < line).mean()) if len(attacks) else None,
        "bpcer": float((live >= line).mean()) if len(live) else None,
    }


def by_species(judged: LeftOut, line: float) -> dict[str, dict[str, float | int]]:
    """Figures of each instrument: images, and APCER at a threshold."""
    attacks = judged.where(judged.attack)
    found = {}
    for name in np.unique(attacks.species):
        mine = attacks.where(attacks.species == name)
        found[str(name)] = {"attacks": len(mine.logit), "apcer": missed(mine, line)}
    return found


def report(judged: LeftOut, others: LeftOut) -> dict[str, Any]:
    """metrics.json: all of it of sources left out."""
    line = threshold(judged, 0.05)
    names = enumerate(np.unique(others.source), 1)
    genuine = {f"pictures {number}": others.logit[others.source == name] for number, name in names}
    return {
        "auc": with_interval(judged, auc),
        "apcer_at_bpcer": {
            str(rate): with_interval(judged, lambda some, rate=rate: apcer(some, rate))
            for rate in RATES
        },
        "by_source": by_source(judged, line),
        "by_species": by_species(judged, line),
        "bpcer_of_other_pictures": metrics.proportion(
            int((others.logit >= line).sum()), len(others.logit)
        ),
        "bpcer_by_other_source": {
            name: {"live": len(logit), "bpcer": float((logit >= line).mean())}
            for name, logit in genuine.items()
        },
    }


def _auc(judged: LeftOut, weight: np.ndarray | None = None) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(judged.attack, judged.logit, sample_weight=weight))
