"""The head: what tells attacks from live faces in every source, and sources from each other least.

A source is mostly one person, one room, one camera and one screen; two sources differ in more than
an attack and a live face of one source do. So the head is a linear discriminant whose nuisance is
both the spread within a source and the spread of live faces between sources (genuine pictures of
many other cameras among them), and whose signal is the mean step from live to attack within a
source. Each part of the features is fitted by itself and counts the same: together they are too
many for so few sources.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

FEWEST = 6  # views of a source and kind that say something of their mean and spread
BETWEEN, SIMULATED, RIDGE = 3.0, 0.3, 0.1
CLIP = 5.0  # standard deviations

Key = tuple[str, str]  # source; `live`, `attack` or `simulated`


@dataclass(frozen=True, eq=False)
class ViewFeatures:
    """`features` NxD float32; N each: `source`, `kind`."""

    features: np.ndarray
    source: np.ndarray
    kind: np.ndarray

    def where(self, rows: np.ndarray) -> ViewFeatures:
        return ViewFeatures(self.features[rows], self.source[rows], self.kind[rows])


@dataclass(frozen=True, eq=False)
class Moments:
    """Moments of the views of one source and kind: mean, and covariance for each part."""

    mean: np.ndarray
    covariances: tuple[np.ndarray, ...]


@dataclass(frozen=True, eq=False)
class Standard:
    """Makes features alike: minus mean, over spread."""

    mean: np.ndarray
    spread: np.ndarray

    @classmethod
    def of(cls, features: np.ndarray) -> Standard:
        return cls(features.mean(axis=0), features.std(axis=0) + 1e-3)

    def __call__(self, features: np.ndarray) -> np.ndarray:
        return np.asarray(np.clip((features - self.mean) / self.spread, -CLIP, CLIP))


def parts_of(widths: Sequence[int]) -> list[slice]:
    ends = np.cumsum(widths)
    return [slice(int(end - width), int(end)) for end, width in zip(ends, widths, strict=True)]


def moments(views: ViewFeatures, parts: Sequence[slice]) -> dict[Key, Moments]:
    """Moments of every source and kind with enough views. `views`: standardised."""
    found = {}
    for source in np.unique(views.source):
        for kind in ("live", "attack", "simulated"):
            mine = views.features[(views.source == source) & (views.kind == kind)]
            if len(mine) >= FEWEST:
                found[str(source), kind] = _moments(mine, parts)
    return found


def _moments(features: np.ndarray, parts: Sequence[slice]) -> Moments:
    centred = features - features.mean(axis=0)
    covariances = (centred[:, p].T @ centred[:, p] / len(features) for p in parts)
    return Moments(features.mean(axis=0), tuple(covariances))


def fit(
    known: Mapping[Key, Moments], parts: Sequence[slice], left_out: Iterable[str] = ()
) -> np.ndarray:
    """D weights of standardised features, as if these sources were not there."""
    out = set(left_out)
    some = {key: value for key, value in known.items() if key[0] not in out}
    weights = np.zeros(parts[-1].stop)
    for number, part in enumerate(parts):
        weights[part] = _part(some, number, part)
    return weights


def fitted(
    known: Mapping[str, np.ndarray], features: str, parts: Sequence[slice]
) -> tuple[Standard, np.ndarray]:
    """How the column `features` is made alike, and the weights; of all sources."""
    found = [
        (standard, fit(moments(views, [whole]), [whole]))
        for standard, views, whole in by_parts(known, features, parts)
    ]
    mean, spread = ([getattr(one, name) for one, _ in found] for name in ("mean", "spread"))
    standard = Standard(np.concatenate(mean), np.concatenate(spread))
    return standard, np.concatenate([weights for _, weights in found])


def by_parts(
    known: Mapping[str, np.ndarray], features: str, parts: Sequence[slice]
) -> Iterator[tuple[Standard, ViewFeatures, slice]]:
    """Standardised views of each part, one by one: the covariances of all would fill the memory."""
    for part in parts:
        seen = known[features][:, part].astype(np.float32)
        standard = Standard.of(seen)
        views = ViewFeatures(standard(seen), known["source"], known["kind"])
        yield standard, views, slice(0, seen.shape[1])


def _part(known: Mapping[Key, Moments], number: int, part: slice) -> np.ndarray:
    within = np.mean([one.covariances[number] for one in known.values()], axis=0)
    live = np.stack([one.mean[part] for (_, kind), one in known.items() if kind == "live"])
    real, simulated = _steps(known, "attack", part), _steps(known, "simulated", part)
    nuisance = within + BETWEEN * (np.cov(live.T, bias=True) + np.cov(real.T, bias=True) / 2)
    size = len(nuisance)
    nuisance = nuisance + RIDGE * np.trace(nuisance) / size * np.eye(size)
    signal = real.mean(axis=0) + SIMULATED * simulated.mean(axis=0)
    weights = np.linalg.solve(nuisance, signal)
    return np.asarray(weights / np.sqrt(weights @ nuisance @ weights))


def _steps(known: Mapping[Key, Moments], kind: str, part: slice) -> np.ndarray:
    """Steps from live faces to attacks, one row a source that has both."""
    both = [source for source, k in known if k == kind and (source, "live") in known]
    return np.stack([(known[s, kind].mean - known[s, "live"].mean)[part] for s in both])
