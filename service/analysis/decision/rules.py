"""One probability from several detectors, by fixed rules; see `stacking` for the trained one.

The same rule fuses the detectors' thresholds, so that the decision line keeps its place; with one
detector both are its own. Only for a single detector is the named BPCER exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

SMALLEST = 1e-12  # a probability of 0 or 1 has no log-odds
Rule = Callable[[Sequence[float], Sequence[float]], float]


def fuse(method: str, probabilities: Sequence[float], thresholds: Sequence[float]) -> float:
    """The fused probability (0..1) of one face; both sequences are in the detectors' order."""
    if len(probabilities) == 1:
        return probabilities[0]
    return RULES[method](probabilities, thresholds)


def fused_threshold(method: str, thresholds: Sequence[float]) -> float:
    """The threshold (0..1) of the fused probability."""
    if len(thresholds) == 1:
        return thresholds[0]
    return 0.5 if method == "voting" else RULES[method](thresholds, thresholds)


def _average(probabilities: Sequence[float], _: Sequence[float]) -> float:
    return sum(probabilities) / len(probabilities)


def _maximum(probabilities: Sequence[float], _: Sequence[float]) -> float:
    return max(probabilities)


def _voting(probabilities: Sequence[float], thresholds: Sequence[float]) -> float:
    """The share of detectors that say `deepfake`; a tie is one."""
    pairs = zip(probabilities, thresholds, strict=True)
    return sum(p >= t for p, t in pairs) / len(probabilities)


def centred(probability: float, threshold: float) -> float:
    """The probability moved in log-odds so that `threshold` becomes 0.5."""
    return sigmoid(log_odds(probability) - log_odds(threshold))


def sigmoid(value: float) -> float:
    """1 / (1 + exp(-value)), without overflow."""
    return 0.5 * (1 + math.tanh(value / 2))


def log_odds(probability: float) -> float:
    """Of a probability of 0 or 1 a large finite number."""
    inside = min(max(probability, SMALLEST), 1 - SMALLEST)
    return math.log(inside / (1 - inside))


RULES: dict[str, Rule] = {"average": _average, "voting": _voting, "max": _maximum}
