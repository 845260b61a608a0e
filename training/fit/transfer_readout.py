"""Transfer the readout of one tower to another, so that it gives the same logits there.

    python -m training.fit.transfer_readout --out DIR --like MODEL --model MODEL [--views N]

OUT is the folder of `training.fit.train`. `--like` is a model with a readout, `--model` one whose
tower is another one, as `training.export.export_tower` leaves it. Both look at the same augmented
views; what is kept of these in OUT is used again. A readout that many views have taught is worth
more than one that fewer views teach again (training/experiments/README.md).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from sklearn.metrics import roc_auc_score

from training.data.pools import PoolRows, collect, load
from training.fit.readout import CHECKED, of_model, record, write
from training.fit.ridge import Values, carried, log_odds, lost, units


def read_by_both(
    out: Path, folders: tuple[Path, Path], part: str, count: int
) -> tuple[PoolRows, PoolRows]:
    first, second = (load(collect(out, folder, part, count)) for folder in folders)
    return first, second


def compared(before: Values, after: Values, theirs: PoolRows, ours: PoolRows) -> dict[str, float]:
    """On views that carried nothing over: the share lost of what the inner units tell, as they were
    and as they are; and AUC at the first tower, at the second as they were, and as they are."""
    wanted, fake = units(before, theirs.pools), ours.fake
    cases = (before, theirs), (before, ours), (after, ours)
    first, unchanged, last = (roc_auc_score(fake, log_odds(v, r.pools)) for v, r in cases)
    return {
        "lost_unchanged": lost(wanted, units(before, ours.pools)),
        "lost": lost(wanted, units(after, ours.pools)),
        "auc_there": float(first),
        "auc_unchanged": float(unchanged),
        "validation_auc": float(last),
    }


def told(like: Path, views: int, found: dict[str, float]) -> dict[str, Any]:
    """For the card: how the readout came to be, and what carrying it over kept."""
    figures = json.loads((like / "metrics.json").read_text())
    name = "{name} {version}".format(**figures["model"])
    return {**figures["run"]["readout"], **found, "carried_from": name, "carried_views": views}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of training.fit.train")
    parser.add_argument("--like", type=Path, required=True)
    parser.add_argument("--model", type=Path, default=Path("service/models/clip"))
    parser.add_argument("--views", type=int, default=18_000, help="augmented training views")
    parser.add_argument("--tower", help="name of the model that it is of, unless OUT tuned it")
    args = parser.parse_args()
    folders, before = (args.like, args.model), of_model(args.like)
    theirs, ours = read_by_both(args.out, folders, "train", args.views)
    after = carried(before, theirs.pools, ours.pools)
    found = compared(before, after, *read_by_both(args.out, folders, "validation", CHECKED))
    write(after, args.model)
    record(args.out, args.tower, told(args.like, len(ours.fake), found))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
