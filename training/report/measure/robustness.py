"""What changes of the photograph cost: each against the same images as they were."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from service.fitting import metrics
from training.report.measure.measuring import CHANGES, Parts
from training.report.measure.scoring import Scores
from training.report.measure.slices import by_slice

Probability = Callable[[Scores], np.ndarray]


def changes(parts: Parts, probability: Probability, threshold: float) -> Iterator[dict[str, Any]]:
    """Figures of `unchanged` and of each change, with what it costs where a face was found."""
    before = parts["unchanged"]
    for name in ("unchanged", *CHANGES):
        after = parts[name]
        seen = after.where(after.found)
        yield {
            **by_slice(probability(seen), seen, threshold, "change", name),
            "no_face": int((~after.found).sum()),
            **cost(before, after, probability, threshold),
        }


def cost(
    before: Scores, after: Scores, probability: Probability, threshold: float
) -> dict[str, metrics.Figure]:
    """`recall_lost`: share of the attacks found before, less that found after; and `moved`: how far
    a probability moves on average. Of the images whose face is found both times."""
    both = before.found & after.found
    one, other = probability(before.where(both)), probability(after.where(both))
    fake, group = before.fake[both], before.group[both]
    lost = (one >= threshold).astype(float) - (other >= threshold)
    return {
        "recall_lost": metrics.interval(lambda r: _mean(lost[fake][r]), group[fake]),
        "moved": metrics.interval(lambda r: _mean(np.abs(one - other)[r]), group),
    }


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")
