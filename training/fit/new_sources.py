"""Estimate how far a threshold must rise to keep its BPCER on unseen genuine sources.

    python -m training.fit.new_sources --out DIR --model service/models/clip [--views N]

OUT is the folder of `training.fit.train`, with the views of `training.fit.readout`. The genuine
sources are parted into FOLDS; a readout fitted without those of one fold scores them on views of
the calibration split, and so does MODEL, which saw all. OUT/run.json gets by how much the threshold
of the former lies above that of the latter: `training.report.evaluate` adds it to what it states.
A source that has fakes of its own does not count among the former: without its genuine faces, its
fakes would teach that the source is a fake's.
"""

from __future__ import annotations

import argparse
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from service.fitting import metrics
from training.data.dataset import Index, load_index
from training.data.pools import PoolRows, collect, load, where
from training.fit.discriminant import with_discriminant
from training.fit.readout import fit, note, of_model
from training.fit.ridge import Values, log_odds

FOLDS = 5
RATES = (0.02, 0.05, 0.1)
CHECKED = 4096  # views of the calibration split


def folds(sources: np.ndarray) -> np.ndarray:
    """Which fold each of the sources is in: dealt out in an order that no name decides."""
    names = sorted(set(sources.tolist()), key=lambda name: zlib.crc32(name.encode()))
    fold = {name: number % FOLDS for number, name in enumerate(names)}
    return np.array([fold[name] for name in sources.tolist()])


def unseen(
    seen: PoolRows,
    checked: PoolRows,
    epochs: int,
    keep: Values | None,
    generated: Sequence[str] = (),
) -> np.ndarray:
    """Logits of genuine views, each by a readout that saw no genuine view of its source."""
    mine, theirs = folds(seen.source), folds(checked.source)
    found = np.zeros(len(checked.fake))
    for number in np.unique(theirs):
        less = where(seen, (mine != number) | (seen.fake > 0))
        values = with_discriminant(fit(less, epochs, keep=keep).values(), less, generated)
        rows = theirs == number
        found[rows] = log_odds(values, checked.pools[rows])
    return found


def alone(index: Index) -> np.ndarray:
    """Names of the sources of genuine images that have no fakes of their own."""
    paired = np.isin(index.group, index.group[index.fake])
    return np.setdiff1d(index.source, index.source[index.fake | paired])


def margin(known: np.ndarray, new: np.ndarray, source: np.ndarray, alone: np.ndarray) -> float:
    """By how much the threshold of `new` logits, of the sources in `alone`, lies above that of all
    `known` ones, mean over RATES; never below 0. Every source counts the same."""
    mine = np.isin(source, alone)
    ones, others = _thresholds(new[mine], source[mine]), _thresholds(known, source)
    apart = [ones[rate] - others[rate] for rate in ones.keys() & others.keys()]
    return max(0.0, float(np.mean(apart))) if apart else 0.0


def _thresholds(logits: np.ndarray, source: np.ndarray) -> dict[float, float]:
    weights = metrics.balanced(np.zeros(len(source), bool), source)
    found = {rate: metrics.threshold_at(logits, rate, weights) for rate in RATES}
    return {rate: value for rate, value in found.items() if value is not None}


def estimate(
    out: Path,
    folder: Path,
    views: int,
    epochs: int,
    *,
    keep: Values | None = None,
    generated: Sequence[str] = (),
) -> dict[str, float]:
    """The margin of the model in `folder`, which OUT/run.json gets, too."""
    checked = load(collect(out, folder, "calibration", CHECKED))
    checked = where(checked, checked.fake == 0)
    seen = load(collect(out, folder, "train", views))
    new = unseen(seen, checked, epochs, keep, generated)
    known = log_odds(of_model(folder), checked.pools)
    apart = margin(known, new, checked.source, alone(load_index(out)))
    found = {"margin": apart, "views": len(checked.fake), "folds": FOLDS}
    note(out, "new_sources", found)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of training.fit.train")
    parser.add_argument("--model", type=Path, default=Path("service/models/clip"))
    parser.add_argument("--keep", type=Path, help="the model whose units were kept")
    parser.add_argument("--views", type=int, default=26_000, help="augmented training views")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--generated", default="", help="species, for a discriminant beside it")
    args = parser.parse_args()
    keep = of_model(args.keep) if args.keep else None
    names = args.generated.split(",")
    print(estimate(args.out, args.model, args.views, args.epochs, keep=keep, generated=names))


if __name__ == "__main__":
    main()
