"""Error rates in the terms of ISO/IEC 30107-3, calibration, and intervals; numpy only.

A score is higher for a more suspicious face; a face is called an attack where score >= threshold.
APCER: share of attack presentations of one species called bona fide. BPCER: share of bona fide
presentations called an attack. D-EER: where both are equal. Weights are one per score.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

Figure = dict[str, float | None]  # value, low, high
BINS = 15  # of the expected calibration error
DEFAULT_RATE = 0.05  # BPCER of the default threshold
FEWEST = 10  # bona fide expected above a threshold, below which it is not worth stating


def auc(scores: np.ndarray, fake: np.ndarray) -> float:
    """Chance that a random attack scores higher than a random bona fide; ties count half."""
    order = np.argsort(scores, kind="stable")
    _, inverse, counts = np.unique(scores[order], return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    attacks = fake[order]
    n, m = int(attacks.sum()), int((~attacks).sum())
    if not n or not m:
        return float("nan")
    return float((ranks[attacks].sum() - n * (n + 1) / 2) / (n * m))


def apcer(scores: np.ndarray, threshold: float) -> float:
    """Of the attacks' scores, the share below the threshold."""
    return float((scores < threshold).mean()) if len(scores) else np.nan


def bpcer(scores: np.ndarray, threshold: float) -> float:
    """Of the bona fide scores, the share at or above the threshold."""
    return float((scores >= threshold).mean()) if len(scores) else np.nan


def d_eer(scores: np.ndarray, fake: np.ndarray) -> float:
    """Mean of APCER and BPCER at the threshold where they are closest."""
    thresholds = np.unique(scores)
    attacks, genuine = np.sort(scores[fake]), np.sort(scores[~fake])
    if not len(attacks) or not len(genuine):
        return np.nan
    missed = np.searchsorted(attacks, thresholds, side="left") / len(attacks)
    alarms = 1 - np.searchsorted(genuine, thresholds, side="left") / len(genuine)
    best = np.argmin(np.abs(missed - alarms))
    return float((missed[best] + alarms[best]) / 2)


def threshold_at(genuine: np.ndarray, rate: float, weights: np.ndarray) -> float | None:
    """Lowest threshold whose weighted BPCER is at most `rate`; None for too few different scores.

    It lies half way between the last score let through and the first one called an attack.
    """
    if len(genuine) * rate < FEWEST:
        return None
    order = np.argsort(-genuine)
    falling, above = genuine[order], np.cumsum(weights[order]) / weights.sum()
    called = int(np.searchsorted(above, rate, side="right"))
    called = int(np.searchsorted(-falling, -falling[called]))  # equal scores share one decision
    if called == 0:
        return None
    let_through, stopped = falling[called], falling[called - 1]
    middle = (let_through + stopped) / 2
    return float(middle if middle > let_through else stopped)


def default_is_statable(genuine: int) -> bool:
    """Whether a calibration split of so many genuine images can carry the default threshold."""
    return genuine * DEFAULT_RATE >= FEWEST


def platt(logits: np.ndarray, fake: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """(slope, intercept) of the logistic regression of `fake` on `logits`, by Newton's method.

    The logits may be of any scale: far from 1 the method would not come to an end.
    """
    scale = float(np.std(logits)) or 1.0
    design = np.stack([logits / scale, np.ones_like(logits)], axis=1).astype(float)
    weights, solution = weights / weights.sum(), np.array([1.0, 0.0])
    for _ in range(50):
        probability = sigmoid(design @ solution)
        gradient = design.T @ (weights * (probability - fake))
        curvature = (design.T * (weights * probability * (1 - probability))) @ design
        step = np.linalg.solve(curvature + 1e-9 * np.eye(2), gradient)
        solution = solution - np.clip(step, -2, 2)
    return float(solution[0]) / scale, float(solution[1])


def sigmoid(x: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -60, 60))))


def balanced(fake: np.ndarray, source: np.ndarray) -> np.ndarray:
    """Weights by which both classes count the same, and in a class every source the same."""
    weights = np.zeros(len(fake))
    for label in (True, False):
        sources = np.unique(source[fake == label])
        for name in sources:
            mine = (fake == label) & (source == name)
            weights[mine] = 0.5 / len(sources) / mine.sum()
    return weights


def ece(probability: np.ndarray, fake: np.ndarray, weights: np.ndarray) -> float:
    """Expected calibration error over equal-width bins."""
    bins = np.minimum((probability * BINS).astype(int), BINS - 1)
    gaps = np.bincount(bins, weights * (probability - fake), BINS)
    return float(np.abs(gaps).sum() / weights.sum())


def brier(probability: np.ndarray, fake: np.ndarray, weights: np.ndarray) -> float:
    """Mean squared difference of probability and truth."""
    return float(np.average((probability - fake) ** 2, weights=weights))


def interval(
    figure: Callable[[np.ndarray], float], groups: np.ndarray, rounds: int = 300, seed: int = 0
) -> Figure:
    """figure(rows) and its 95 % bootstrap interval over whole groups."""
    rng = np.random.default_rng(seed)
    _, number, counts = np.unique(groups, return_inverse=True, return_counts=True)
    order, starts = np.argsort(number, kind="stable"), np.cumsum(counts) - counts
    drawn = np.full(rounds, np.nan)
    for i in range(rounds if len(counts) else 0):
        picks = rng.integers(len(counts), size=len(counts))
        drawn[i] = figure(order[_spans(starts[picks], counts[picks])])
    low, high = np.nanpercentile(drawn, [2.5, 97.5]) if np.isfinite(drawn).any() else (np.nan,) * 2
    return {"value": _tidy(figure(np.arange(len(groups)))), "low": _tidy(low), "high": _tidy(high)}


def _spans(starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The numbers start, start + 1, ... of every span, one span after the other."""
    first = np.repeat(np.cumsum(lengths) - lengths, lengths)
    return np.asarray(np.repeat(starts, lengths) + np.arange(lengths.sum()) - first)


def proportion(hits: int, of: int) -> Figure:
    """Share of independent trials and its 95 % Wilson interval, which holds without a hit, too."""
    share, z = hits / of, 1.959964
    centre, spread = (
        share + z * z / 2 / of,
        z * math.sqrt(share * (1 - share) / of + (z / of) ** 2 / 4),
    )
    low, high = ((centre + sign * spread) / (1 + z * z / of) for sign in (-1, 1))
    return {"value": _tidy(share), "low": _tidy(max(low, 0.0)), "high": _tidy(min(high, 1.0))}


def _tidy(value: float) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None
