"""Finetune a readout on new views; the result is the mean of its old and new weights.

    python -m training.fit.finetune_readout --out DIR --model service/models/clip [--views N]

OUT is the folder of `training.fit.train`, MODEL one with a readout. New views teach it, but it
forgets part of what others taught it before; the mean of both sets of weights is better than either
(training/experiments/README.md).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from training.data.pools import collect, load
from training.fit.readout import CHECKED, Known, auc, fit, of_model, record, write
from training.fit.ridge import Values

EPOCHS, RATE = 4, 1.5e-4


def known_of(folder: Path) -> Known:
    """The readout of a model folder. Raises ValueError where its species are not numbered."""
    told = _told_of(folder)
    if "numbers" not in told:
        raise ValueError(f"{folder / 'metrics.json'} does not say which species has which number.")
    return Known(of_model(folder), told["numbers"])


def middle(before: Values, after: Values) -> Values:
    """The mean of both, in the precision of each value."""
    return {name: _mean(value, after[name]) for name, value in before.items()}


def gone_on(folder: Path, views: int, epochs: int, found: float) -> dict[str, Any]:
    """For the card: what is known of the readout that the folder had, and how it went on."""
    more = {"views": views, "epochs": epochs}
    return {**_told_of(folder), "validation_auc": found, "gone_on": more}


def _told_of(folder: Path) -> dict[str, Any]:
    figures = json.loads((folder / "metrics.json").read_text())
    return dict(figures["run"]["readout"])


def _mean(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    both = np.stack([one, other]).astype(np.float32)
    return np.asarray(both.mean(axis=0).astype(one.dtype))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of training.fit.train")
    parser.add_argument("--model", type=Path, default=Path("service/models/clip"))
    parser.add_argument("--views", type=int, default=60_000, help="augmented training views")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--rate", type=float, default=RATE)
    parser.add_argument("--tower", help="name of the model that it is of, unless OUT tuned it")
    args = parser.parse_args()
    start = known_of(args.model)
    checked = load(collect(args.out, args.model, "validation", CHECKED))
    seen = load(collect(args.out, args.model, "train", args.views))
    after = fit(seen, args.epochs, rate=args.rate, start=start).values()
    values = middle(start.values, after)
    for title, one in (("before", start.values), ("after", after), ("the middle", values)):
        print(f"{title}: AUC {auc(one, checked):.4f}")
    figures = gone_on(args.model, len(seen.fake), args.epochs, auc(values, checked))
    write(values, args.model)
    record(args.out, args.tower, figures)


if __name__ == "__main__":
    main()
