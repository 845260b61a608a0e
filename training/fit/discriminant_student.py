"""Set a linear discriminant of generated faces beside what a student has learned.

    python -m training.fit.discriminant_student --out DIR --teacher service/models/clip
        --generated NAME,NAME,... [--views N]

OUT is the folder of `training.fit.student`, whose student.pt gets one species more. As beside a
readout (`training.fit.discriminant`): a network learns the marks of the generators that it sees,
this one where generated faces lie from genuine ones. It is fitted to the student's own features.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from training.data.pools import PoolRows, collect, load, pairs_of
from training.export.export import load as load_network
from training.fit.discriminant import Discriminant, fitted
from training.fit.readout import note
from training.nets.model import FaceNet
from training.nets.nets import RECIPES

AT_ONCE = 32
# As there; but the student was taught by these very views, so faces of others spread wider.
STEEP, BEGINS = 1.0, 4.0
State = dict[str, Tensor]
Pair = tuple[np.ndarray, np.ndarray]


def widened(state: State, one: Discriminant) -> State:
    """The state of a `FaceNet` whose head tells one species more, as `beside` does in a readout.

    Logits count against that of genuine faces, so its row is added.
    """
    weight, bias = state["head.weight"], state["head.bias"]
    row = torch.from_numpy(one.weight).to(weight) * STEEP + weight[0]
    start = bias[0] + STEEP * (one.bias - BEGINS)
    more = {"head.weight": torch.vstack([weight, row]), "head.bias": torch.hstack([bias, start])}
    return {**state, **more}


def seen_by(net: FaceNet, out: Path, files: Sequence[Path]) -> PoolRows:
    """Of the views of these files the network's 1280 features, in place of the teacher's pools."""
    read = [load([file]) for file in files]
    pools = [
        _features(net, out, file, len(one.fake)) for file, one in zip(files, read, strict=True)
    ]
    labels = (np.concatenate(part) for part in zip(*(one[1:] for one in read), strict=True))
    return PoolRows(np.concatenate(pools), *labels)


def _features(net: FaceNet, out: Path, file: Path, count: int) -> np.ndarray:
    part, number = file.stem.rsplit("-", 1)
    drawn = islice(pairs_of(out, part, int(number)), count // 2)
    return np.concatenate(list(_batches(net, drawn)))


def _batches(net: FaceNet, drawn: Iterator[tuple[object, Pair]]) -> Iterator[np.ndarray]:
    while some := list(islice(drawn, AT_ONCE)):
        views = torch.from_numpy(np.stack([view for _, pair in some for view in pair]))
        with torch.inference_mode():
            maps = net.features(RECIPES["lite0"].tensor(views))
        yield maps.mean(dim=(2, 3)).numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of training.fit.student")
    parser.add_argument("--teacher", type=Path, default=Path("service/models/clip"))
    parser.add_argument("--generated", required=True, help="species of wholly generated faces")
    parser.add_argument("--views", type=int, default=26_000, help="augmented training views")
    args = parser.parse_args()
    file, names = args.out / "student.pt", args.generated.split(",")
    seen = seen_by(
        load_network(file), args.out, collect(args.out, args.teacher, "train", args.views)
    )
    kept = torch.load(file, map_location="cpu", weights_only=True)
    torch.save({**kept, "average": widened(kept["average"], fitted(seen, names))}, file)
    found = {"views": len(seen.fake), "generated": names}
    note(args.out, "student_discriminant", found)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
