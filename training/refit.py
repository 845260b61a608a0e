"""Fit what reads the tower of `clip` to labelled photographs, in one command; the tower stays.

    python -m training.refit --data DIR --out DIR [--generated NAME,NAME,...] [--keep]

DATA is as in `training.run`. The steps: crops and split, the readout (`fit.readout`), a
discriminant of the species that `--generated` names (`fit.discriminant`), the margin for genuine
sources that were never seen (`fit.new_sources`), calibration, figures and card (`report.evaluate`).
Interrupted, the same command resumes: crops, views and scores are kept in OUT. The result is
OUT/models, whose folders take the places of those in service/models: clip, a copy of the START
model, of which only the readout is another, and what reads its pools.

With `--keep` the units of START stay, beside new ones where it has fewer than 256; of the model
that ships, which has all, only what they tell is weighed again.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import NamedTuple

import cv2

from training.data.split import write_groups
from training.export.manifest import read_manifest, write_manifest
from training.fit import discriminant, new_sources, readout
from training.fit.splits import splits
from training.fit.train import record
from training.report.card.document import write_card
from training.report.evaluate import evaluate
from training.report.measure import measuring


class Recipe(NamedTuple):
    """How a readout is fitted; `generated`: species of wholly generated faces, or none."""

    views: int
    epochs: int
    keep: bool
    generated: tuple[str, ...]


def refit(data: Path, out: Path, start: Path, folder: Path, recipe: Recipe) -> None:
    """The copy of START in `folder` gets a readout of its own, thresholds and a card."""
    keep = readout.of_model(start) if recipe.keep else None
    views, epochs, generated = recipe.views, recipe.epochs, recipe.generated
    print(readout.refit(out, folder, views, epochs, keep=keep, tower=_title(start)))
    if generated:
        print(discriminant.add(out, folder, generated, views))
    print(new_sources.estimate(out, folder, views, epochs, keep=keep, generated=generated))
    figures = evaluate(data, out, folder)
    (folder / "metrics.json").write_text(json.dumps(figures, indent=1) + "\n")
    write_card(folder, figures)


def begun(data: Path, out: Path, start: Path, args: argparse.Namespace) -> Path:
    """Crops and split, and a copy of the START model under its new version."""
    given = {"cluster": args.cluster, "hold_out": args.hold_out, "seed": args.seed}
    index, _, assigned = splits(data, out, {**given, "groups": args.groups})
    write_groups(out / "groups.csv", index, assigned)
    record(out, assigned, 0, 0.0, {"net": "clip", "swaps": True, **given})
    folder = out / "models" / start.name
    shutil.copytree(start, folder, dirs_exist_ok=True)
    manifest = read_manifest(folder)
    origin = f"{manifest['origin']} Its readout was fitted again by training.refit."
    write_manifest(folder, {**manifest, "version": args.version, "origin": origin})
    return folder


def with_readers(start: Path, folder: Path) -> None:
    """Models beside START that read its pools read the new version: the tower is the same."""
    name, version = read_manifest(start)["name"], read_manifest(folder)["version"]
    for file in sorted(start.parent.glob("*/manifest.json")):
        manifest = read_manifest(file.parent)
        if manifest.get("reads", {}).get("name") == name:
            copy = folder.parent / file.parent.name
            shutil.copytree(file.parent, copy, dirs_exist_ok=True)
            write_manifest(copy, {**manifest, "reads": {"name": name, "version": version}})


def _title(folder: Path) -> str:
    manifest = read_manifest(folder)
    return f"{manifest['name']} {manifest['version']}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with labels.csv")
    parser.add_argument("--out", type=Path, required=True, help="crops, views, scores, the model")
    parser.add_argument("--start", type=Path, default=Path("service/models/clip"))
    parser.add_argument("--version", default="1.0.0", help="of the result")
    parser.add_argument("--views", type=int, default=26_000, help="augmented training views")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--keep", action="store_true", help="the units that START has")
    parser.add_argument("--generated", default="", help="species of wholly generated faces")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cluster", nargs="*", default=[], help="sources to split by look")
    parser.add_argument("--groups", type=Path, help="groups.csv of an earlier training: its split")
    parser.add_argument("--hold-out", nargs="*", default=[], help="test-only sources")
    parser.add_argument("--most", type=int, default=measuring.MOST, help="judged images of a kind")
    parser.add_argument("--few", type=int, default=measuring.FEW, help="likewise, for a change")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    measuring.MOST, measuring.FEW = args.most, args.few
    names = tuple(filter(None, args.generated.split(",")))
    recipe = Recipe(args.views, args.epochs, args.keep, names)
    folder = begun(args.data, args.out, args.start, args)
    refit(args.data, args.out, args.start, folder, recipe)
    print(f"written: {folder}")


if __name__ == "__main__":
    main()
