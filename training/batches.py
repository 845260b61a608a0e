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
from training.selfblend import self_blend

PAIRS = 16  # a batch: 32 images
KINDS = ("pair", "blend", "loose")
SHARES = (0.45, 0.30, 0.25)  # of the pairs in a batch; kinds that the data lacks are left out


class Batches(IterableDataset[tuple[Tensor, Tensor]]):
    """Endless (2*PAIRS x 224x224x3 uint8, 2*PAIRS float labels; 1: fake)."""

    def __init__(self, index: Index, crops: np.ndarray, rows: np.ndarray, seed: int) -> None:
        self.index, self.crops, self.rows, self.seed = index, crops, rows, seed
        self.pairs = matched(index, rows)
        self.genuine = by_source(index, rows[~index.fake[rows]])
        fakes = by_source(index, rows[index.fake[rows]])
        paired = {str(index.source[fake]) for _, fake in self.pairs}
        both = [s for s in fakes if s in self.genuine and s not in paired]
        self.loose = [(self.genuine[s], fakes[s]) for s in both]
        weights = np.array(SHARES) * [bool(self.pairs), True, bool(self.loose)]
        self.weights = weights / weights.sum()

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        worker = get_worker_info()
        rng = np.random.default_rng([self.seed, worker.id if worker else 0])
        while True:
            images = [view for _ in range(PAIRS) for view in self._pair(rng)]
            labels = torch.tensor([0.0, 1.0]).repeat(PAIRS)
            yield torch.from_numpy(np.stack(images)), labels

    def _pair(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """(genuine view, fake view)."""
        kind = KINDS[rng.choice(3, p=self.weights)]
        one, other = int(rng.integers(2**31)), int(rng.integers(2**31))
        if kind == "pair":
            genuine, fake = self.pairs[rng.integers(len(self.pairs))]
            return augment(self.crops[genuine], one), augment(self.crops[fake], one)
        if kind == "loose":
            reals, fakes = self.loose[rng.integers(len(self.loose))]
            return augment(self.crops[rng.choice(reals)], one), augment(
                self.crops[rng.choice(fakes)], other
            )
        row = self._any_genuine(rng)
        blend = self_blend(self.crops[row], self.index.keypoints[row], other)
        return augment(self.crops[row], one), augment(blend, one)

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
