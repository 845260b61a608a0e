"""What transfers, of `clip`: its readout fitted without one family of fakes, judged on that one;
and without one source of genuine faces, and all that was made of them.

    python -m training.report.transfer --out DIR --model service/models/clip [--views N]
        [--family "new swaps=deepfacelive,inswapper"] [--keep MODEL] [--generated NAME,...]

OUT is the folder of `training.fit.train`, with the views that `training.fit.readout` kept; N of
them are used. A family is one species, or those that `--family` names together. The tower was tuned
on all of them, so what is told is what its readout must have seen. Recipes are chosen by the mean
and the worst of what is printed last. OUT/run.json gets all of it for the card: of each family,
left out and seen, the AUC of its fakes against all genuine faces and the share missed at the
threshold that refuses RATE of these; of each source the BPCER of its genuine faces, at the
threshold that refuses RATE of the other sources' ones. All on augmented views of the test split.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from service.fitting import metrics
from training.data.batches import INLAY
from training.data.pools import PoolRows, collect, load, where
from training.fit.discriminant import with_discriminant
from training.fit.readout import fit, note, of_model
from training.fit.ridge import Values, log_odds

Figures = dict[str, metrics.Figure]
Fit = Callable[[PoolRows], Values]
JUDGED = 2048  # views of the test split
RATE = 0.05
MADE = {
    "latent": "latent copies",
    "recoding": "latent copies",
    "restoration": "restored faces",
    "self_blend": "composites",
    "swap": "composites",
}


def joined(read: PoolRows, families: Mapping[str, str] = MADE) -> PoolRows:
    """Species by family: what is alike is left out together, for the one would teach the other."""
    names = [name.removesuffix(INLAY) for name in read.species]
    return read._replace(species=np.array([families.get(name, name) for name in names]))


def found_of(readout: Values, judged: PoolRows, name: str) -> Figures:
    """`auc` and `missed` (APCER at BPCER RATE) of the fakes of one family against all genuine
    views, each source of these counting the same for the threshold; pairs are drawn as one."""
    mine = (judged.fake == 0) | (judged.species == name)
    logits, fake = log_odds(readout, judged.pools[mine]), judged.fake[mine] == 1
    pair = (np.arange(len(mine)) // 2).astype(str)[mine]
    line = threshold(logits[~fake], judged.source[mine][~fake], name)
    attacks, whose = logits[fake], pair[fake]
    return {
        "auc": metrics.interval(lambda r: metrics.auc(logits[r], fake[r]), pair),
        "missed": metrics.interval(lambda r: metrics.apcer(attacks[r], line), whose),
    }


def refused_of(readout: Values, judged: PoolRows, name: str) -> Figures:
    """`bpcer` of the genuine faces of one source, at the threshold of the others."""
    genuine = where(judged, judged.fake == 0)
    mine, logits = genuine.source == name, log_odds(readout, genuine.pools)
    line = threshold(logits[~mine], genuine.source[~mine], name)
    return {"bpcer": metrics.proportion(int((logits[mine] >= line).sum()), int(mine.sum()))}


def threshold(logits: np.ndarray, source: np.ndarray, name: str) -> float:
    """Raises ValueError where there are too few genuine views for it."""
    found = metrics.threshold_at(
        logits, RATE, metrics.balanced(np.zeros(len(source), bool), source)
    )
    if found is None:
        raise ValueError(f"Too few genuine views beside those of {name} for a threshold.")
    return found


def transfer(seen: PoolRows, judged: PoolRows, fitted: Fit) -> dict[str, Any]:
    """{"species": family -> {"fakes": number judged, "left_out": figures, "seen": figures},
    "sources": name -> {"genuine": number judged, "left_out", "seen"}}; `fitted` makes a readout."""
    whole = fitted(seen)

    def told(name: str, kept: np.ndarray, figures: Callable[..., Figures]) -> dict[str, Any]:
        less = fitted(where(seen, kept))
        found = {"left_out": figures(less, judged, name), "seen": figures(whole, judged, name)}
        print(name, found, flush=True)
        return found

    fakes, faces = judged.species[judged.fake == 1], judged.source[judged.fake == 0]
    species = {
        name: {"fakes": count, **told(name, seen.species != name, found_of)}
        for name, count in counted(fakes, seen.species).items()
    }
    sources = {
        name: {"genuine": count, **told(name, seen.source != name, refused_of)}
        for name, count in counted(faces, seen.source).items()
    }
    return {"species": species, "sources": sources}


def counted(judged: np.ndarray, seen: np.ndarray) -> dict[str, int]:
    """How often those names are judged that were seen, too."""
    return {name: int((judged == name).sum()) for name in np.intersect1d(judged, seen).tolist()}


def summary(found: Mapping[str, Any]) -> dict[str, float]:
    """Mean and worst over what was left out: what recipes are chosen by."""
    out = [entry["left_out"] for entry in found["species"].values()]
    auc, missed = [one["auc"]["value"] for one in out], [one["missed"]["value"] for one in out]
    refused = [entry["left_out"]["bpcer"]["value"] for entry in found["sources"].values()]
    return {
        "auc_mean": float(np.mean(auc)), "auc_worst": min(auc),
        "missed_mean": float(np.mean(missed)), "missed_worst": max(missed),
        "bpcer_mean": float(np.mean(refused)), "bpcer_worst": max(refused),
    }  # fmt: skip


def families_of(given: list[str]) -> dict[str, str]:
    """`NAME=one,other` each -> the family of each species, with what our own scripts make."""
    parts = [one.partition("=") for one in given]
    return MADE | {name: family for family, _, all_ in parts for name in all_.split(",")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of training.fit.train")
    parser.add_argument("--model", type=Path, default=Path("service/models/clip"))
    parser.add_argument("--views", type=int, default=32_768, help="augmented training views")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--keep", type=Path, help="the model whose units are kept in each fit")
    parser.add_argument("--family", action="append", default=[], help="NAME=SPECIES,SPECIES")
    parser.add_argument("--generated", default="", help="families, for a discriminant beside it")
    args = parser.parse_args()
    families = families_of(args.family)
    judged = joined(load(collect(args.out, args.model, "test", JUDGED)), families)
    seen = joined(load(collect(args.out, args.model, "train", args.views)), families)
    keep: Values | None = of_model(args.keep) if args.keep else None
    generated = args.generated.split(",")

    def fitted(read: PoolRows) -> Values:
        return with_discriminant(fit(read, args.epochs, keep=keep).values(), read, generated)

    found = transfer(seen, judged, fitted)
    print(summary(found))
    figures = {"views": len(seen.fake), "epochs": args.epochs, **found, **summary(found)}
    note(args.out, "transfer", figures)


if __name__ == "__main__":
    main()
