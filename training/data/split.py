"""Train, validation, calibration and test: apart by group and, as far as possible, by person.

The calibration split sets the calibration and the thresholds, the validation split chooses the
checkpoint, and the test split is only ever reported on. A held-out source is in the test split
only.

Where actors recur over groups (`clustered` sources), genuine faces with like ImageNet features are
put into clusters and a cluster stays whole. These features see hair, skin and pose more than
identity, so this makes it less likely that a person is on two sides; it cannot rule it out.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.cluster import MiniBatchKMeans
from sklearn.decomposition import PCA

from training.data.dataset import Index

SHARES = {"test": 0.18, "calibration": 0.12, "validation": 0.05}  # the rest is for training
IMAGES_A_CLUSTER = 40
COMPONENTS = 64


def split(
    index: Index, units: np.ndarray, hold_out: Sequence[str] = (), seed: int = 0
) -> np.ndarray:
    """Array of split names, N; "" where no face was found. Rows with one unit stay together."""
    assigned = np.full(len(index.name), "train", dtype="U11")
    for source in np.unique(index.source):
        rows = np.flatnonzero(index.source == source)
        assigned[rows] = _shares(units[rows], np.random.default_rng(seed))
    assigned[np.isin(index.source, hold_out)] = "test"
    assigned[~index.found] = ""
    return assigned


def write_groups(file: Path, index: Index, assigned: np.ndarray) -> None:
    """The groups that are kept from training, one a line: what a later training must keep, too."""
    pairs = sorted(set(zip(assigned.tolist(), index.group.tolist(), strict=True)))
    with file.open("w", newline="") as lines:
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerows([("split", "group"), *(pair for pair in pairs if pair[0] in SHARES)])


def read_groups(file: Path, index: Index) -> np.ndarray:
    """The split that `write_groups` kept; every group that it does not name is for training."""
    with file.open(newline="") as lines:
        split_of = {line["group"]: line["split"] for line in csv.DictReader(lines)}
    assigned = np.array([split_of.get(str(group), "train") for group in index.group], "U11")
    assigned[~index.found] = ""
    return assigned


def _shares(units: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Whole units, in random order, fill one split after the other."""
    names, inverse, counts = np.unique(units, return_inverse=True, return_counts=True)
    order = rng.permutation(len(names))
    reached = np.cumsum(counts[order]) / len(units)
    bounds = np.cumsum(list(SHARES.values()))
    labels = np.array([*SHARES, "train"])
    of_unit = np.empty(len(names), dtype="U11")
    of_unit[order] = labels[np.searchsorted(bounds, reached)]
    return np.asarray(of_unit[inverse])


def units_of(
    index: Index, crops: np.ndarray, clustered: Sequence[str], net: Any, seed: int = 0
) -> np.ndarray:
    """What must not be torn: the group or, in a clustered source, its genuine face's cluster."""
    units = index.group.astype("U64")
    for source in clustered:
        rows = np.flatnonzero((index.source == source) & ~index.fake & index.found)
        if len(rows) < 2 * IMAGES_A_CLUSTER:
            continue
        clusters = _clusters(_features(crops, rows, net), seed)
        cluster_of = dict(zip(index.group[rows], clusters, strict=True))
        for row in np.flatnonzero(index.source == source):
            if (cluster := cluster_of.get(index.group[row])) is not None:
                units[row] = f"{source}:{cluster}"
    return units


def _clusters(features: np.ndarray, seed: int) -> np.ndarray:
    components = min(COMPONENTS, len(features) // 2)
    white = PCA(components, whiten=True, random_state=seed).fit_transform(features)
    count = max(2, len(features) // IMAGES_A_CLUSTER)
    labels = MiniBatchKMeans(count, random_state=seed, n_init=3).fit_predict(white)
    return np.asarray(labels)


def _features(crops: np.ndarray, rows: np.ndarray, net: Any) -> np.ndarray:
    """Pooled features of the plain crops by an untuned network; in float32 everywhere, for rounded
    ones put people into other clusters, and a later machine could not draw this split again."""
    import torch

    from training.data.augment import plain
    from training.nets.nets import RECIPES
    from training.nets.precision import device

    parts, net = [], net.to(device())
    with torch.inference_mode():
        for start in range(0, len(rows), 64):
            batch = np.stack([plain(crops[row]) for row in rows[start : start + 64]])
            views = RECIPES["lite0"].tensor(torch.from_numpy(batch).to(device()))
            parts.append(net.features(views).mean(dim=(2, 3)).cpu().numpy())
    return np.concatenate(parts)
