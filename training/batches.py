"""Balanced batches: as many fakes as genuine faces, in all and from each source.

A source with genuine faces only (or whose fakes are unrelated) must not become a cue by itself, so
its genuine faces come with self-blended copies of themselves. Both of a pair get the same seed.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from training.augment import augment
from training.dataset import Index
from training.selfblend import EARS, inlay, self_blend, swap

KINDS = ("pair", "blend", "loose", "latent")
SHARES = (0.35, 0.25, 0.25, 0.15)  # of the pairs in a batch; kinds that the data lacks are left out
DONORS = 12  # looked at for a swap


class Batches(IterableDataset[tuple[Tensor, Tensor]]):
    """Endless (Nx224x224x3 uint8, N float labels; 1: fake)."""

    def __init__(
        self,
        index: Index,
        crops: np.ndarray,
        rows: np.ndarray,
        seed: int,
        latents: tuple[np.ndarray, np.ndarray] | None = None,
        *,
        size: int = 32,
    ) -> None:
        """`latents`: genuine rows and their copies, see `training.latents`; `size`: N, even."""
        self.index, self.crops, self.rows, self.seed = index, crops, rows, seed
        self.count = size // 2
        self.pairs = matched(index, rows)
        self.genuine = by_source(index, rows[~index.fake[rows]])
        fakes = by_source(index, rows[index.fake[rows]])
        paired = {str(index.source[fake]) for _, fake in self.pairs}
        both = [s for s in fakes if s in self.genuine and s not in paired]
        self.loose = [(self.genuine[s], fakes[s]) for s in both]
        sizes = np.sqrt([len(fakes[s]) for s in both])
        self.loose_weights = sizes / sizes.sum() if both else sizes
        usable = set(rows.tolist())
        copied, self.copies = latents or (np.empty(0, int), np.empty(0))
        self.copied = [(int(row), n) for n, row in enumerate(copied) if row in usable]
        there = [bool(self.pairs), True, bool(self.loose), bool(self.copied)]
        weights = np.array(SHARES) * there
        self.weights = weights / weights.sum()

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        worker = get_worker_info()
        rng = np.random.default_rng([self.seed, worker.id if worker else 0])
        while True:
            images = [view for _ in range(self.count) for view in self._pair(rng)]
            labels = torch.tensor([0.0, 1.0]).repeat(self.count)
            yield torch.from_numpy(np.stack(images)), labels

    def _pair(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """(genuine view, fake view)."""
        kind = KINDS[rng.choice(len(KINDS), p=self.weights)]
        one, other = int(rng.integers(2**31)), int(rng.integers(2**31))
        if kind == "pair":
            genuine, fake = self.pairs[rng.integers(len(self.pairs))]
            return augment(self.crops[genuine], one), augment(self.crops[fake], one)
        if kind == "loose":
            reals, fakes = self.loose[rng.choice(len(self.loose), p=self.loose_weights)]
            return augment(self.crops[rng.choice(reals)], one), augment(
                self.crops[rng.choice(fakes)], other
            )
        row, fake = self._copied(rng) if kind == "latent" else self._blended(rng)
        return augment(self.crops[row], one), augment(fake, one)

    def _copied(self, rng: np.random.Generator) -> tuple[int, np.ndarray]:
        """(genuine row, its copy out of the autoencoder); every second time in the face only."""
        row, number = self.copied[rng.integers(len(self.copied))]
        if rng.random() < 0.5:
            return row, self.copies[number]
        crop, seed = self.crops[row], int(rng.integers(2**31))
        return row, inlay(crop, self.copies[number], self.index.keypoints[row], seed)

    def _blended(self, rng: np.random.Generator) -> tuple[int, np.ndarray]:
        """(genuine row, a self-blend of it or a swap with another face of its source)."""
        row, seed = self._any_genuine(rng), int(rng.integers(2**31))
        crop, keypoints = self.crops[row], self.index.keypoints[row]
        if rng.random() < 0.5:
            return row, self_blend(crop, keypoints, seed)
        donor = self._donor(row, rng)
        return row, swap(crop, keypoints, self.crops[donor], self.index.keypoints[donor], seed)

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
