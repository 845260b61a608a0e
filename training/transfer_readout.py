"""What transfers, of `clip`: its readout fitted without one species of fakes, judged on that one.

    python -m training.transfer_readout --out DIR --model service/models/clip [--views N]

OUT is the folder of `training.train`, with the views that `training.readout` kept; N of them are
used. The tower was tuned on all species, so what is told is what its readout must have seen.
OUT/run.json gets, for the card, by species the AUC of its fakes against all genuine faces, among
augmented views of the test split: where it was left out, and where it was seen.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from training import metrics
from training.batches import INLAY
from training.pools import Read, collect, load
from training.readout import Readout, fit

JUDGED = 2048  # views of the test split
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


def without(read: Read, name: str) -> Read:
    """Both views of its pairs are left out."""
    return Read(*(part[read.species != name] for part in read))


def auc_of(net: Readout, judged: Read, name: str) -> metrics.Figure:
    """Of the fakes of one species against all genuine views; pairs are drawn as one."""
    mine = (judged.fake == 0) | (judged.species == name)
    with torch.inference_mode():
        logits = net(torch.from_numpy(judged.pools[mine])).numpy()
    fake, pair = judged.fake[mine] == 1, (np.arange(len(mine)) // 2).astype(str)[mine]
    return metrics.interval(lambda r: metrics.auc(logits[r], fake[r]), pair)


def transfer(seen: Read, judged: Read, epochs: int) -> dict[str, Any]:
    """species -> {"fakes": number judged, "left_out", "seen"}."""
    whole, found = fit(seen.pools, seen.fake, epochs), {}
    for name in np.unique(seen.species).tolist():
        rest = without(seen, name)
        found[name] = {
            "fakes": int(((judged.species == name) & (judged.fake == 1)).sum()),
            "left_out": auc_of(fit(rest.pools, rest.fake, epochs), judged, name),
            "seen": auc_of(whole, judged, name),
        }
        print(name, found[name], flush=True)
    return found


def record(out: Path, figures: dict[str, Any]) -> None:
    file = out / "run.json"
    found = json.loads(file.read_text()) | {"transfer": figures}
    file.write_text(json.dumps(found, indent=2) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of training.train")
    parser.add_argument("--model", type=Path, default=Path("service/models/clip"))
    parser.add_argument("--views", type=int, default=32_768, help="augmented training views")
    parser.add_argument("--epochs", type=int, default=8)
    args = parser.parse_args()
    judged = joined(load(collect(args.out, args.model, "test", JUDGED)))
    seen = joined(load(collect(args.out, args.model, "train", args.views)))
    found = transfer(seen, judged, args.epochs)
    record(args.out, {"views": len(seen.fake), "epochs": args.epochs, "species": found})


if __name__ == "__main__":
    main()
