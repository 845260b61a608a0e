"""The figures of a report from scored faces, in the terms of ISO/IEC 30107-3; all rates 0..1.

Probabilities are one per face. A figure is {"value", "low", "high"} with its 95 % bootstrap
interval over groups; None where it cannot be computed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Protocol

import numpy as np

from service.fitting import metrics
from service.fitting.metrics import Figure

Rate = Callable[[np.ndarray, float], float]


class Faces(Protocol):
    """Arrays of equal length. `source` of an attack is its species."""

    @property
    def fake(self) -> np.ndarray: ...

    @property
    def source(self) -> np.ndarray: ...

    @property
    def group(self) -> np.ndarray: ...


def overall(probability: np.ndarray, faces: Faces) -> dict[str, Figure]:
    """Figures without a threshold of our choosing."""
    fake, groups = faces.fake, faces.group
    weights = metrics.balanced(fake, faces.source)

    def error(rate: Callable[..., float]) -> Figure:
        return metrics.interval(lambda r: rate(probability[r], fake[r], weights[r]), groups)

    both = bool(fake.any() and (~fake).any())
    return {
        "auc": metrics.interval(lambda r: metrics.auc(probability[r], fake[r]), groups),
        "d_eer": metrics.interval(lambda r: metrics.d_eer(probability[r], fake[r]), groups),
        "ece": error(metrics.ece) if both else _unknown(),
        "brier": error(metrics.brier) if both else _unknown(),
    }


def auc_by_species(probability: np.ndarray, faces: Faces) -> dict[str, Figure]:
    """AUC of each species against all bona fide faces."""
    found = {}
    for name in np.unique(faces.source[faces.fake]):
        mine = ~faces.fake | (faces.fake & (faces.source == name))
        values, fake = probability[mine], faces.fake[mine]
        found[str(name)] = metrics.interval(partial(_auc_of, values, fake), faces.group[mine])
    return found


def thresholds(
    genuine: np.ndarray, wanted: Iterable[float], weights: np.ndarray | None = None
) -> dict[float, float]:
    """BPCER -> threshold, for those of the rates that there are enough genuine faces for."""
    weights = np.ones(len(genuine)) if weights is None else weights
    found = {rate: metrics.threshold_at(genuine, rate, weights) for rate in sorted(wanted)}
    return {rate: threshold for rate, threshold in found.items() if threshold is not None}


def at_point(probability: np.ndarray, faces: Faces, point: dict[str, Any]) -> dict[str, Any]:
    """`point`, APCER per species, the worst and the mean of them, and BPCER per source."""
    threshold = point["threshold"]
    missed = _per_source(metrics.apcer, probability, faces, faces.fake, threshold)
    alarms = _per_source(metrics.bpcer, probability, faces, ~faces.fake, threshold)
    values = [entry["value"] for entry in missed.values()]
    genuine = ~faces.fake
    figure = partial(_rate_of, metrics.bpcer, probability[genuine], threshold)
    return {
        **point,
        "apcer_by_species": missed,
        "apcer_worst_species": max(missed, key=lambda name: missed[name]["value"], default=None),
        "apcer_mean": round(float(np.mean(values)), 4) if values else None,
        "bpcer_by_source": alarms,
        "bpcer_pooled": metrics.interval(figure, faces.group[genuine]),
    }


def _per_source(
    rate: Rate, probability: np.ndarray, faces: Faces, mask: np.ndarray, threshold: float
) -> dict[str, dict[str, Any]]:
    found = {}
    for name in np.unique(faces.source[mask]):
        mine = mask & (faces.source == name)
        figure = partial(_rate_of, rate, probability[mine], threshold)
        found[str(name)] = {
            **metrics.interval(figure, faces.group[mine]),
            "images": int(mine.sum()),
        }
    return found


def _rate_of(rate: Rate, values: np.ndarray, threshold: float, rows: np.ndarray) -> float:
    return float(rate(values[rows], threshold))


def _auc_of(values: np.ndarray, fake: np.ndarray, rows: np.ndarray) -> float:
    return metrics.auc(values[rows], fake[rows])


def _unknown() -> Figure:
    return {"value": None, "low": None, "high": None}
