"""Balanced batches: as many fakes as genuine faces, in all and from each source.

A source with genuine faces only (or whose fakes are unrelated) must not become a cue by itself, so
its genuine faces come with self-blended copies of themselves. Both of a pair get the same seed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from training.data.augment import augment
from training.data.dataset import COPIES, Copies, Index
from training.data.selfblend import EARS, inlay, self_blend, swap
from training.data.species import numbers

KINDS = ("pair", "blend", "loose", "coded")
SHARES = (0.2, 0.3, 0.2, 0.3)  # of the pairs in a batch; kinds that the data lacks are left out
INLAY = " inlay"  # after the name of a copy of which the face alone is taken
DONORS = 12  # looked at for a swap


class Choice(NamedTuple):
    """A genuine row and what is laid beside it.

    `species`: the fake's source, or how it is made: self_blend, swap, a name of `Copies`, or that
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
        self.pairs = matched(index, rows)
        self.genuine = by_source(index, rows[~index.fake[rows]])
        fakes = by_source(index, rows[index.fake[rows]])
        paired = {str(index.source[fake]) for _, fake in self.pairs}
        both = [s for s in fakes if s in self.genuine and s not in paired]
        self.loose = [(self.genuine[s], fakes[s]) for s in both]
        usable = set(rows.tolist())
        self.copied = [
            (int(row), found, n)
            for found in copies
            for n, row in enumerate(found.rows)
            if row in usable
        ]
        self.species = numbers([*fakes, "self_blend", "swap", *_made_by(copies)])
        there = [bool(self.pairs), True, bool(self.loose), bool(self.copied)]
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

    def choices(self, worker: int = 0) -> Iterator[Choice]:
        """Endless; what the pairs of the batches are made of, in their order."""
        rng = np.random.default_rng([self.seed, worker])
        while True:
            kind = KINDS[rng.choice(len(KINDS), p=self.weights)]
            one, other = int(rng.integers(2**31)), int(rng.integers(2**31))
            yield getattr(self, f"_{kind}")(rng, one, other)

    def views(self, choice: Choice) -> tuple[np.ndarray, np.ndarray]:
        """(genuine, fake), augmented."""
        one, other, _ = choice.seeds
        return augment(self.crops[choice.genuine], one), augment(self._fake(choice), other)

    def _pair(self, rng: np.random.Generator, one: int, _: int) -> Choice:
        genuine, fake = self.pairs[rng.integers(len(self.pairs))]
        return Choice(str(self.index.source[fake]), genuine, fake, (one, one, 0))

    def _loose(self, rng: np.random.Generator, one: int, other: int) -> Choice:
        """Unrelated, so framed and encoded each in its own way."""
        reals, fakes = self.loose[rng.integers(len(self.loose))]
        genuine, fake = int(rng.choice(reals)), int(rng.choice(fakes))
        return Choice(str(self.index.source[fake]), genuine, fake, (one, other, 0))

    def _coded(self, rng: np.random.Generator, one: int, _: int) -> Choice:
        """Every second time in the face only."""
        number = int(rng.integers(len(self.copied)))
        row, copies, _ = self.copied[number]
        if rng.random() < 0.5:
            return Choice(copies.name, row, number, (one, one, 0))
        return Choice(copies.name + INLAY, row, number, (one, one, int(rng.integers(2**31))))

    def _blend(self, rng: np.random.Generator, one: int, _: int) -> Choice:
        """A self-blend, or a swap with another face of the same source."""
        row, seeds = self._any_genuine(rng), (one, one, int(rng.integers(2**31)))
        if rng.random() < 0.5:
            return Choice("self_blend", row, row, seeds)
        return Choice("swap", row, self._donor(row, rng), seeds)

    def _fake(self, choice: Choice) -> np.ndarray:
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
        """Of some other faces of the same source the one that is turned most alike."""
        some = rng.choice(self.genuine[str(self.index.source[row])], DONORS)
        apart = self.index.keypoints[some] - self.index.keypoints[row]
        off = np.square(apart[:, :EARS]).sum(axis=(1, 2))
        return int(some[np.where(some == row, np.inf, off).argmin()])

    def _any_genuine(self, rng: np.random.Generator) -> int:
        """A source first, then a face: a small source counts as much as a large one."""
        sources = sorted(self.genuine)
        return int(rng.choice(self.genuine[sources[rng.integers(len(sources))]]))


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


def by_source(index: Index, rows: np.ndarray) -> dict[str, np.ndarray]:
    """source -> its rows."""
    return {str(s): rows[index.source[rows] == s] for s in np.unique(index.source[rows])}
