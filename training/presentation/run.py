"""From photographs of live faces and attacks to model folders, judged by sources left out.

    python -m training.presentation.run --data DIR --genuine DIR --clip DIR --out DIR

`--data` holds labels.csv (`shard,name,label,source,species`; `attack` or `real`), `--genuine` one
with pictures of many other cameras, `--clip` is the folder of the deepfake detector whose tower is
read. Kept in OUT/views.npz is what the networks see of every view; made are OUT/texture,
OUT/clip-pad and their fusion, OUT/presentation. It takes some half an hour of one core.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from training.presentation import left_out, made
from training.presentation.collect import collect
from training.presentation.left_out import LeftOut
from training.presentation.made import Known


def judge(known: Known, logit: np.ndarray) -> tuple[LeftOut, LeftOut]:
    """The photographs of sources with attacks, and the others."""
    tested = tested_rows(known)
    kind, source, species = (known[name][tested] for name in ("kind", "source", "species"))
    judged = LeftOut(logit, kind == "attack", source, species)
    own = np.isin(source, np.unique(source[judged.attack]))
    return judged.where(own), judged.where(~own)


def tested_rows(known: Known) -> np.ndarray:
    return np.asarray(known["plain"] & (known["kind"] != "simulated"))


def ship(out: Path, clip: Path) -> None:
    """The model folders, from OUT/views.npz."""
    with np.load(out / "views.npz") as file:
        known = {name: file[name] for name in file.files}
    fields, total = [], np.zeros(int(tested_rows(known).sum()))
    for model in (made.texture(out), made.clip_pad(clip)):
        logit = left_out.logits(known, model.features, tested_rows(known), model.parts)
        judged = judge(known, logit)
        folder = out / str(model.fields["name"])
        fields.append(made.write(folder, model, known, judged, clip))
        total += made.log_odds(fields[-1], logit)
    made.write_fusion(out / "presentation", fields, judge(known, total / len(fields)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("data", "genuine", "clip", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    args = parser.parse_args()
    if not (args.out / "views.npz").exists():
        collect(args.data, args.genuine, args.clip, args.out)
    ship(args.out, args.clip)


if __name__ == "__main__":
    main()
