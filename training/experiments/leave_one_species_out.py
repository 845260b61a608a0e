"""What transfers, of `clip`: its readout fitted without one species of fakes, judged on that one;
and without one source of genuine faces, and all that was made of them.

    python -m training.experiments.leave_one_species_out \
        --out DIR --model service/models/clip [--views N]

OUT is the folder of `training.fit.train`, with the views that `training.fit.readout` kept; N of
them are used. The tower was tuned on all of them, so what is told is what its readout must have
seen. OUT/run.json gets, for the card, among augmented views of the test split, where it was left
out and where it was seen: by species the AUC of its fakes against all genuine faces, and by source
the BPCER of its genuine faces, at the threshold that refuses RATE of the other sources' ones.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from service.fitting import metrics
from training.data.batches import INLAY
from training.data.pools import Read, collect, load, where
from training.fit.readout import Readout, fit, note

Judge = Callable[[Readout, Read, str], metrics.Figure]
JUDGED = 2048  # views of the test split
RATE = 0.05
MADE = {
    "latent": "latent copies",
    "recoding": "latent copies",
    "restoration": "restored faces",
    "self_blend": "composites",
    "swap": "composites",
}


def joined(read: Read) -> Read:
    """What our scripts make in two ways is one species: the one would teach the other."""
    names = [name.removesuffix(INLAY) for name in read.species]
    return read._replace(species=np.array([MADE.get(name, name) for name in names]))


def logits_of(net: Readout, pools: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        return np.asarray(net(torch.from_numpy(pools)).numpy())


def auc_of(net: Readout, judged: Read, name: str) -> metrics.Figure:
    """Of the fakes of one species against all genuine views; pairs are drawn as one."""
    mine = (judged.fake == 0) | (judged.species == name)
    logits = logits_of(net, judged.pools[mine])
    fake, pair = judged.fake[mine] == 1, (np.arange(len(mine)) // 2).astype(str)[mine]
    return metrics.interval(lambda r: metrics.auc(logits[r], fake[r]), pair)


def bpcer_of(net: Readout, judged: Read, name: str) -> metrics.Figure:
    """Of the genuine faces of one source, each other source counting the same for the threshold."""
    genuine = where(judged, judged.fake == 0)
    mine, logits = genuine.source == name, logits_of(net, genuine.pools)
    weights = metrics.balanced(np.zeros((~mine).sum(), bool), genuine.source[~mine])
    threshold = metrics.threshold_at(logits[~mine], RATE, weights)
    if threshold is None:
        raise ValueError(f"Too few genuine views beside those of {name} for a threshold.")
    return metrics.proportion(int((logits[mine] >= threshold).sum()), int(mine.sum()))


def transfer(seen: Read, judged: Read, epochs: int) -> dict[str, Any]:
    """{"species": name -> {"fakes": number judged, "left_out", "seen"}, "sources": name ->
    {"genuine": number judged, "left_out", "seen"}}."""
    whole = fit(seen, epochs)

    def told(name: str, kept: np.ndarray, figure: Judge) -> dict[str, Any]:
        less = fit(where(seen, kept), epochs)
        found = {"left_out": figure(less, judged, name), "seen": figure(whole, judged, name)}
        print(name, found, flush=True)
        return found

    fakes, faces = judged.species[judged.fake == 1], judged.source[judged.fake == 0]
    species = {
        name: {"fakes": count, **told(name, seen.species != name, auc_of)}
        for name, count in counted(fakes, seen.species).items()
    }
    sources = {
        name: {"genuine": count, **told(name, seen.source != name, bpcer_of)}
        for name, count in counted(faces, seen.source).items()
    }
    return {"species": species, "sources": sources}


def counted(judged: np.ndarray, seen: np.ndarray) -> dict[str, int]:
    """How often those names are judged that were seen, too."""
    return {name: int((judged == name).sum()) for name in np.intersect1d(judged, seen).tolist()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of training.fit.train")
    parser.add_argument("--model", type=Path, default=Path("service/models/clip"))
    parser.add_argument("--views", type=int, default=32_768, help="augmented training views")
    parser.add_argument("--epochs", type=int, default=8)
    args = parser.parse_args()
    judged = joined(load(collect(args.out, args.model, "test", JUDGED)))
    seen = joined(load(collect(args.out, args.model, "train", args.views)))
    found = transfer(seen, judged, args.epochs)
    figures = {"views": len(seen.fake), "epochs": args.epochs, **found}
    note(args.out, "transfer", figures)


if __name__ == "__main__":
    main()
