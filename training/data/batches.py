"""Draw balanced batches: as many fakes as genuine faces, alike over species and sources.

A source must not become a cue by itself, so the genuine faces of every source come with
self-blended copies of themselves, and a fake without an original comes with a genuine face of any
source. A fake and its original get the same seed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from training.data.augment import augment, lightly
from training.data.dataset import COPIES, Copies, Index
from training.data.phone import by_phone
from training.data.selfblend import EARS, inlay, self_blend, swap
from training.data.species import numbers

KINDS = ("given", "blend", "coded")
SHARES = (0.62, 0.26, 0.12)  # of the pairs in a batch; kinds that the data lacks are left out
# A species (a source) with n images is drawn n to this power as often.
BY_SPECIES, BY_SOURCE = 0.4, 0.5
GENERATED = 0.4  # of the swaps: the donor is a fake without an original, where there are some
INLAY = " inlay"  # after the name of a copy of which the face alone is taken
DONORS = 12  # looked at for a swap
PHONES = 0.3  # of the views


class PairChoice(NamedTuple):
    """A genuine row and what is laid beside it.

    `species`: the fake's, or how it is made: self_blend, swap, a name of `Copies`, or that
    and INLAY. `other`: the row of the fake or of the donor, or the number among all copies.
    `seeds`: of both views and of the making.
    """

    species: str
    genuine: int
    other: int
    seeds: tuple[int, int, int]


class Batches(IterableDataset[tuple[Tensor, Tensor]]):
    """Endless (Nx224x224x3 uint8, N numbers; 0: genuine, else one of `species`, from 1)."""

    def __init__(
        self,
        index: Index,
        crops: np.ndarray,
        rows: np.ndarray,
        seed: int,
        copies: Sequence[Copies] = (),
        *,
        size: int = 32,
    ) -> None:
        """`size`: N, even."""
        self.index, self.crops, self.rows, self.seed = index, crops, rows, seed
        self.count = size // 2
        genuine, fakes = rows[~index.fake[rows]], rows[index.fake[rows]]
        self.original = {fake: one for one, fake in matched(index, rows)}
        self.genuine = Drawn(genuine, index.source, BY_SOURCE)
        self.fakes = Drawn(fakes, index.species, BY_SPECIES)
        self.loose = np.array([row for row in fakes.tolist() if row not in self.original], int)
        usable = set(rows.tolist())
        self.copied = [
            (int(row), found, n)
            for found in copies
            for n, row in enumerate(found.rows)
            if row in usable
        ]
        self.species = numbers([*self.fakes.rows, "self_blend", "swap", *_made_by(copies)])
        there = [len(fakes) > 0, True, bool(self.copied)]
        weights = np.array(SHARES) * there
        self.weights = weights / weights.sum()

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        worker = get_worker_info()
        choices = self.choices(worker.id if worker else 0)
        while True:
            some = list(islice(choices, self.count))
            images = [view for choice in some for view in self.views(choice)]
            kinds = [number for choice in some for number in (0, self.species[choice.species])]
            yield torch.from_numpy(np.stack(images)), torch.tensor(kinds)

    def choices(self, worker: int = 0) -> Iterator[PairChoice]:
        """Endless; what the pairs of the batches are made of, in their order."""
        rng = np.random.default_rng([self.seed, worker])
        while True:
            kind = KINDS[rng.choice(len(KINDS), p=self.weights)]
            one, other = int(rng.integers(2**31)), int(rng.integers(2**31))
            yield getattr(self, f"_{kind}")(rng, one, other)

    def views(self, choice: PairChoice) -> tuple[np.ndarray, np.ndarray]:
        """(genuine, fake), augmented."""
        one, other, _ = choice.seeds
        return view(self.crops[choice.genuine], one), view(self._fake(choice), other)

    def _given(self, rng: np.random.Generator, one: int, other: int) -> PairChoice:
        """A fake without an original: framed and encoded each in its own way."""
        fake = self.fakes.draw(rng)
        species, genuine = str(self.index.species[fake]), self.original.get(fake)
        if genuine is None:
            return PairChoice(species, self.genuine.draw(rng), fake, (one, other, 0))
        return PairChoice(species, genuine, fake, (one, one, 0))

    def _coded(self, rng: np.random.Generator, one: int, _: int) -> PairChoice:
        """Every second time in the face only."""
        number = int(rng.integers(len(self.copied)))
        row, copies, _ = self.copied[number]
        if rng.random() < 0.5:
            return PairChoice(copies.name, row, number, (one, one, 0))
        return PairChoice(copies.name + INLAY, row, number, (one, one, int(rng.integers(2**31))))

    def _blend(self, rng: np.random.Generator, one: int, _: int) -> PairChoice:
        """A self-blend, or a swap with another face of the same source."""
        row, seeds = self.genuine.draw(rng), (one, one, int(rng.integers(2**31)))
        if rng.random() < 0.5:
            return PairChoice("self_blend", row, row, seeds)
        return PairChoice("swap", row, self._donor(row, rng), seeds)

    def _fake(self, choice: PairChoice) -> np.ndarray:
        row, other, made = choice.genuine, choice.other, choice.seeds[2]
        crop, keypoints = self.crops[row], self.index.keypoints
        match choice.species:
            case name if name in COPIES:
                return self._copy(other)
            case name if name.endswith(INLAY):
                return inlay(crop, self._copy(other), keypoints[row], made)
            case "self_blend":
                return self_blend(crop, keypoints[row], made)
            case "swap":
                return swap(crop, keypoints[row], self.crops[other], keypoints[other], made)
        return self.crops[other]

    def _copy(self, number: int) -> np.ndarray:
        _, copies, n = self.copied[number]
        return copies.faces[n]

    def _donor(self, row: int, rng: np.random.Generator) -> int:
        """A generated face; or of some faces of the same source the one turned most alike."""
        if len(self.loose) and rng.random() < GENERATED:
            return int(rng.choice(self.loose))
        some = rng.choice(self.genuine.rows[str(self.index.source[row])], DONORS)
        apart = self.index.keypoints[some] - self.index.keypoints[row]
        off = np.square(apart[:, :EARS]).sum(axis=(1, 2))
        return int(some[np.where(some == row, np.inf, off).argmin()])


class Drawn:
    """Rows to draw from: one of the kinds that they are of, then a row of it."""

    def __init__(self, rows: np.ndarray, kind: np.ndarray, power: float) -> None:
        """`kind`: of every row there is; one with n of `rows` is drawn n**power as often."""
        self.rows = {str(name): rows[kind[rows] == name] for name in np.unique(kind[rows])}
        weights = np.array([len(some) for some in self.rows.values()]) ** power
        self._names, self._weights = list(self.rows), weights / weights.sum()

    def draw(self, rng: np.random.Generator) -> int:
        name = self._names[rng.choice(len(self._names), p=self._weights)]
        return int(rng.choice(self.rows[name]))


def view(crop: np.ndarray, seed: int) -> np.ndarray:
    """The crop as a phone may have handed it on, then as `augment` changes it; one in two less."""
    rng = np.random.default_rng([seed, 77])
    handed = by_phone(crop, rng) if rng.random() < PHONES else crop
    return augment(handed, seed) if rng.random() < 0.5 else lightly(handed, seed)


def _made_by(copies: Sequence[Copies]) -> list[str]:
    return [copy.name + kind for copy in copies for kind in ("", INLAY)]


def matched(index: Index, rows: np.ndarray) -> list[tuple[int, int]]:
    """(genuine row, fake row) of one group."""
    genuine = {str(index.group[r]): int(r) for r in rows if not index.fake[r]}
    return [
        (genuine[str(index.group[r])], int(r))
        for r in rows
        if index.fake[r] and str(index.group[r]) in genuine
    ]
