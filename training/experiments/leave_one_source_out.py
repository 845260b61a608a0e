"""Measure transfer: train once for each source of attacks, with that source left out.

    python -m training.experiments.leave_one_source_out --data DIR --out DIR --net lite0 [--steps N]

OUT is the folder of `training.fit.train`. For each source of attacks a training goes to
OUT/without-SOURCE, with a split of its own in which the whole source is for the test; interrupted,
the same command goes on. OUT/transfer-NET.json gets, by source, the AUC of its attacks against all
genuine test images: where it was left out, and in OUT's own training, which saw the others of it.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from service.fitting import metrics
from training.data.augment import plain
from training.data.dataset import COPIES, load_crops, load_index, some_of
from training.fit.train import State, add_arguments, logits_of, new_state, options_of, train
from training.nets.nets import RECIPES

SHARED = (
    "index.npz", "crops.npy", *(f"{name}{end}.npy" for name in COPIES for end in ("s", "_rows")),
)  # fmt: skip
JUDGED = 500  # images of a source and label


def beside(out: Path, name: str) -> Path:
    """OUT/without-NAME, with the same crops."""
    folder = out / f"without-{name}"
    folder.mkdir(exist_ok=True)
    for file in SHARED:
        if (out / file).exists() and not (folder / file).exists():
            (folder / file).hardlink_to(out / file)
    return folder


def attack_sources(out: Path) -> list[str]:
    """Sources with attacks that training sees."""
    index, assigned = load_index(out), np.load(out / "split.npy")
    return [str(name) for name in np.unique(index.source[index.fake & (assigned == "train")])]


def auc_of(best: Path, out: Path, net: str, name: str) -> metrics.Figure:
    """Of the attacks of one source against all genuine images, in the test split of OUT."""
    index, assigned, crops = load_index(out), np.load(out / "split.npy"), load_crops(out)
    mine = (assigned == "test") & (~index.fake | (index.source == name))
    rows = np.flatnonzero(mine)
    rows = rows[some_of(np.char.add(index.source, index.fake.astype(str))[rows], JUDGED)]
    logits = logits_of(_restored(best, net), (plain(crops[row]) for row in rows))
    fake, group = index.fake[rows], index.group[rows]
    return metrics.interval(lambda r: metrics.auc(logits[r], fake[r]), group)


def _restored(best: Path, net: str) -> State:
    state = new_state(RECIPES[net])
    state.restore(best)
    return state


def left_out(args: argparse.Namespace, name: str) -> metrics.Figure:
    folder = beside(args.out, name)
    options = options_of(args)
    options |= {"hold_out": sorted({*options["hold_out"], name}), "groups": None}
    best = train(args.data, folder, args.steps, args.minutes, options)
    return auc_of(best, folder, args.net, name)


def transfer(args: argparse.Namespace) -> dict[str, Any]:
    """source -> {"left_out", "seen"}: figures of its attacks."""
    return {
        name: {
            "left_out": left_out(args, name),
            "seen": auc_of(args.out / "best.pt", args.out, args.net, name),
        }
        for name in attack_sources(args.out)
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_arguments(parser)
    args = parser.parse_args()
    found = {"net": args.net, "steps": args.steps, "sources": transfer(args)}
    (args.out / f"transfer-{args.net}.json").write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
