"""How scores of the test split lie, and which errors each threshold makes: for pages that draw it.

The sources within a class count the same: BPCER is the mean over sources, APCER that over species.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from service.fitting import metrics
from service.fitting.report_metrics import Faces

BINS = 20  # of the probability, equally wide
RATES = metrics.sigmoid(np.linspace(-7, 7, 41))  # 0.1 % to 99.9 %, finer towards both ends
DIGITS = 5  # of a threshold, as of the operating points
Columns = dict[str, list[float]]


def histogram(probability: np.ndarray, faces: Faces) -> Columns:
    """Faces in each bin; together as many as there are, whichever sources they are of."""
    weights = metrics.balanced(faces.fake, faces.source)
    bins = np.minimum((probability * BINS).astype(int), BINS - 1)
    found = {}
    for name, mine in (("genuine", ~faces.fake), ("attacks", faces.fake)):
        shares = np.bincount(bins[mine], weights[mine], BINS) / max(weights[mine].sum(), 1e-12)
        found[name] = (shares * mine.sum()).round(1).tolist()
    return found


def det(probability: np.ndarray, faces: Faces, named: Iterable[float]) -> Columns:
    """BPCER and APCER by rising threshold, from nothing let pass to nothing refused.

    `named`: thresholds that must be among them.
    """
    known = np.unique([0.0, 1.0, 1.0 + 10.0**-DIGITS, *named, *probability.round(DIGITS)])
    weights = metrics.balanced(faces.fake, faces.source)
    apcer = _below(known, probability[faces.fake], weights[faces.fake])
    bpcer = 1 - _below(known, probability[~faces.fake], weights[~faces.fake])
    near = [np.searchsorted(apcer, RATES), np.searchsorted(-bpcer, -RATES)]
    ends = [0, len(known) - 1]
    rows = np.unique([*ends, *np.searchsorted(known, [*named]), *np.clip(near, *ends).ravel()])
    return {
        "threshold": known[rows].tolist(),
        "bpcer": bpcer[rows].round(4).tolist(),
        "apcer": apcer[rows].round(4).tolist(),
    }


def _below(thresholds: np.ndarray, values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted share of the values below each threshold; of no values none."""
    order = np.argsort(values)
    passed = np.append(0.0, np.cumsum(weights[order])) / max(weights.sum(), 1e-12)
    return np.asarray(passed[np.searchsorted(values[order], thresholds)])
