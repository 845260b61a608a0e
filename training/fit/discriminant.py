"""Set a linear discriminant of generated faces beside what a readout has learned.

    python -m training.fit.discriminant --out DIR --model service/models/clip
        --generated NAME,NAME,... [--views N]

OUT is the folder of `training.fit.train`, MODEL one with a readout of the same tower. A network
learns the marks of the generators that it sees; of another it finds little. The step from genuine
to generated faces, mean over generators, measured in what faces of one source and genuine sources
differ by, holds for other generators, too. Genuine sources that lie towards generated faces, as
studio portraits do, count more among these differences, or their people pay. It counts as a
species of its own: beside the others it raises the logit only where it finds much. The unit that
matters least makes room for it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from training.data.pools import PoolRows, collect, load
from training.data.species import NEVER
from training.fit.readout import auc, note, of_model, thinned, write
from training.fit.ridge import Values, units
from training.nets.tower import WIDTH

RIDGE, FLAT = 0.1, 1e-4
NEAR, TURNS = 50.0, 5  # how much more a source counts that lies one spread towards generated faces
STEEP, BEGINS = 2.0, 2.5  # logits a spread of genuine faces, and where it is an even chance
LIFT = 30.0  # spreads: above it nothing is ever cut off, so the unit stays linear


class Discriminant(NamedTuple):
    """D weights of pools as they are, and what is added: over genuine faces, sources counting by
    the square root of their number, what it gives has mean 0 and spread 1."""

    weight: np.ndarray
    bias: float


class Part(NamedTuple):
    """Of one part of the pools, each value divided by its `spread`."""

    within: np.ndarray  # WIDTH x WIDTH: how faces of one source or species differ, and the ridge
    apart: np.ndarray  # sources x WIDTH: from the middle of the genuine sources to each of them
    step: np.ndarray  # WIDTH: from that middle to generated faces
    spread: np.ndarray

    def weights(self, counts: np.ndarray) -> np.ndarray:
        """Nuisance to the power of -1, times the step, for values as they are."""
        nuisance = self.within + (self.apart.T * counts) @ self.apart
        return np.asarray(np.linalg.solve(nuisance, self.step) / self.spread)


def fitted(seen: PoolRows, generated: Sequence[str]) -> Discriminant:
    """Raises ValueError where there is no view of `generated`."""
    there = generated_rows(seen, generated)
    if not there.any():
        raise ValueError("A discriminant needs views of generated faces.")
    parts = [_part(part, seen, there) for part in _parts(seen.pools)]
    share = counts = _shares(seen)
    one = _scaled(seen, _joined(parts, counts))
    for _ in range(TURNS - 1):
        counts = (counts + share * (1 + NEAR * _nearness(seen, one))) / 2
        one = _scaled(seen, _joined(parts, counts))
    return one


def beside(values: Values, one: Discriminant, seen: PoolRows) -> Values:
    """The readout with it in place of the unit that matters least to views like `seen`.

    Raises ValueError where the readout has no species to spare.
    """
    free = np.flatnonzero(values["species.bias"] <= NEVER)
    if not len(free):
        raise ValueError("The readout knows as many species as it has room for.")
    found = {name: value.copy() for name, value in values.items()}
    place, new = _spared(found, seen), free[0]
    found["readout.weight"][:, place] = one.weight
    found["readout.bias"][place] = one.bias + LIFT
    found["species.weight"][place, new] = STEEP
    found["species.bias"][new] = -STEEP * (LIFT + BEGINS)
    return found


def with_discriminant(values: Values, seen: PoolRows, generated: Sequence[str]) -> Values:
    """The readout with it beside; as it is where `seen` has no view of `generated`."""
    if not generated_rows(seen, generated).any():
        return values
    return beside(values, fitted(seen, generated), seen)


def generated_rows(seen: PoolRows, names: Sequence[str]) -> np.ndarray:
    return (seen.fake > 0) & np.isin(seen.species, names)


def _spared(found: Values, seen: PoolRows) -> int:
    """A unit, silenced: the species' biases take its mean over."""
    active = np.maximum(units(found, thinned(seen.pools)), 0)
    rows = found["species.weight"]
    place = int((active.std(axis=0) * np.linalg.norm(rows, axis=1)).argmin())
    found["species.bias"] += active[:, place].mean() * rows[place]
    rows[place] = 0
    return place


def _parts(pools: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, pools.shape[1], WIDTH):
        yield pools[:, start : start + WIDTH].astype(np.float32)


def _joined(parts: Sequence[Part], counts: np.ndarray) -> np.ndarray:
    return np.concatenate([part.weights(counts) for part in parts])


def _nearness(seen: PoolRows, one: Discriminant) -> np.ndarray:
    """By genuine source: how many spreads its middle lies towards generated faces, or 0."""
    genuine = seen.fake == 0
    given, source = _given(seen.pools[genuine], one.weight) + one.bias, seen.source[genuine]
    return np.maximum([given[source == name].mean() for name in np.unique(source)], 0)


def _part(pools: np.ndarray, seen: PoolRows, there: np.ndarray) -> Part:
    spread = pools.std(axis=0) + FLAT
    alike = (pools - pools.mean(axis=0)) / spread
    sources = _sources(seen)
    own = np.stack([alike[cell].mean(axis=0) for cell in sources])
    share = _shares(seen)
    apart = own - share @ own
    within = _within(alike, [*sources, *_species(seen, seen.fake > 0)])
    usual = np.trace(within) + share @ np.square(apart).sum(axis=1)
    generated = np.mean([alike[cell].mean(axis=0) for cell in _species(seen, there)], axis=0)
    step = generated - share @ own
    return Part(within + RIDGE * usual / len(step) * np.eye(len(step)), apart, step, spread)


def _sources(seen: PoolRows) -> list[np.ndarray]:
    genuine = seen.fake == 0
    return [genuine & (seen.source == name) for name in np.unique(seen.source[genuine])]


def _species(seen: PoolRows, rows: np.ndarray) -> list[np.ndarray]:
    return [rows & (seen.species == name) for name in np.unique(seen.species[rows])]


def _shares(seen: PoolRows) -> np.ndarray:
    """Of the genuine sources: by the square root of their number."""
    counts = np.sqrt([cell.sum() for cell in _sources(seen)])
    return np.asarray(counts / counts.sum())


def _within(alike: np.ndarray, cells: Sequence[np.ndarray]) -> np.ndarray:
    weights = np.sqrt([cell.sum() for cell in cells])
    each = (np.cov(alike[cell].T, bias=True) for cell in cells)
    return np.asarray(
        sum(weight * one for weight, one in zip(weights, each, strict=True)) / weights.sum()
    )


def _given(pools: np.ndarray, weight: np.ndarray) -> np.ndarray:
    parts = zip(_parts(pools), _parts(weight[None]), strict=True)
    return np.asarray(np.sum([part @ one[0] for part, one in parts], axis=0))


def _scaled(seen: PoolRows, weight: np.ndarray) -> Discriminant:
    genuine = seen.fake == 0
    given, source = _given(seen.pools[genuine], weight), seen.source[genuine]
    _, inverse, count = np.unique(source, return_inverse=True, return_counts=True)
    alike = 1 / np.sqrt(count)[inverse]
    mean = np.average(given, weights=alike)
    spread = np.sqrt(np.average((given - mean) ** 2, weights=alike))
    return Discriminant(weight / spread, float(-mean / spread))


def add(out: Path, folder: Path, generated: Sequence[str], views: int) -> str:
    """Lay it into `folder`, beside the readout; returns a line for people."""
    seen, before = load(collect(out, folder, "train", views)), of_model(folder)
    values = beside(before, fitted(seen, generated), seen)
    write(values, folder)
    found = {"views": len(seen.fake), "generated": list(generated)}
    note(out, "discriminant", found)
    return f"{json.dumps(found)} AUC {auc(before, seen)} -> {auc(values, seen)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of training.fit.train")
    parser.add_argument("--model", type=Path, default=Path("service/models/clip"))
    parser.add_argument("--generated", required=True, help="species of wholly generated faces")
    parser.add_argument("--views", type=int, default=26_000, help="augmented training views")
    args = parser.parse_args()
    print(add(args.out, args.model, args.generated.split(","), args.views))


if __name__ == "__main__":
    main()
