"""Fit, by ridge regression, a readout for another tower that gives the same logits there.

Its inner units are made to give of the pools of one tower what they give of the other's, of the
same views: ridge regression, drawn towards the weights as they are. No labels are needed.
"""

from __future__ import annotations

import numpy as np

PRIOR = 3.0  # times the number of values: how strongly weights are drawn to what they are
FLAT = 1e-4  # added to a spread: some values hardly ever differ
Values = dict[str, np.ndarray]


def carried(readout: Values, theirs: np.ndarray, ours: np.ndarray) -> Values:
    """The readout's values for `ours`, NxD pools of the views of which it knows `theirs`."""
    from sklearn.linear_model import Ridge

    wanted = units(readout, theirs)
    missing = wanted - units(readout, ours)
    known = ours.astype(np.float32)
    mean, spread = known.mean(axis=0), known.std(axis=0) + FLAT
    known = (known - mean) / spread
    change = Ridge(PRIOR * ours.shape[1]).fit(known, missing).coef_.T / spread[:, None]
    weight = (readout["readout.weight"] + change).astype(readout["readout.weight"].dtype)
    bias = wanted.mean(axis=0) - mean @ weight  # of the weight as it is kept
    return {**readout, "readout.weight": weight, "readout.bias": bias.astype(np.float32)}


def units(readout: Values, pools: np.ndarray) -> np.ndarray:
    """NxHIDDEN, what the inner units give of NxD pools, before negative ones are cut off."""
    weight = readout["readout.weight"].astype(np.float32)
    return np.asarray(pools.astype(np.float32) @ weight + readout["readout.bias"])


def log_odds(readout: Values, pools: np.ndarray) -> np.ndarray:
    """N, of any species against genuine."""
    inner = np.maximum(units(readout, pools), 0)
    kinds = inner @ readout["species.weight"] + readout["species.bias"]
    return np.asarray(np.logaddexp.reduce(kinds, axis=1))


def lost(wanted: np.ndarray, found: np.ndarray) -> float:
    """The share of what NxHIDDEN units tell that others miss; 0 if they are the same."""
    return float((np.square(found - wanted).mean(axis=0) / wanted.var(axis=0)).mean())
