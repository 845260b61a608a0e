"""Whether a JPEG was a JPEG of another quality before: gaps among its coefficients.

A coefficient that was once rounded to a multiple of one step and then to a multiple of another
takes some values more often and others never. For each quality that libjpeg knows, the values
that it would have left are compared with those that are there.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from service.provenance.tables import LUMA, ZIGZAG, scaled

FREQUENCIES = range(1, 10)  # places in zigzag order
QUALITIES = range(40, 99)
FAR = 20  # largest coefficient that counts, in steps
NOISE = 0.8  # standard deviation of a coefficient after a picture was rounded to whole numbers
FLOOR = 0.05  # of the share that a value may have, for models are never quite right
FEWEST = 1500  # coefficients besides zero
SURE = 0.15  # gain in log-likelihood a coefficient
SIZES = np.arange(1, FAR + 1)
SERIES = np.array(
    [
        [np.sqrt((1 if u == 0 else 2) / 8) * np.cos((2 * x + 1) * u * np.pi / 16) for x in range(8)]
        for u in range(8)
    ]
)
# Of each frequency, its wave over the 64 pixels of a block.
WAVES = np.stack(
    [np.kron(SERIES[ZIGZAG[place] // 8], SERIES[ZIGZAG[place] % 8]) for place in FREQUENCIES],
    axis=1,
).astype(np.float32)


def saved_before(luma: np.ndarray, table: tuple[int, ...]) -> int | None:
    """The quality of the earlier saving; None where no trace of one is left.

    luma: float32, its corner on the grid of blocks; table: in zigzag order.
    """
    counts = _histograms(luma, table)
    total = int(counts.sum())
    if total < FEWEST:
        return None
    gains = _gains(counts, table) / total
    best = int(gains.argmax())
    return QUALITIES[best] if gains[best] > SURE else None


def _histograms(luma: np.ndarray, table: tuple[int, ...]) -> np.ndarray:
    """Of each frequency, how often each size of coefficient is there, from 1 to FAR steps."""
    height, width = (size // 8 * 8 for size in luma.shape)
    blocks = luma[:height, :width].reshape(height // 8, 8, width // 8, 8).swapaxes(1, 2)
    steps = np.array([table[place] for place in FREQUENCIES], np.float32)
    # Unlike NumPy's product, this stays in one thread.
    found = cv2.gemm(blocks.reshape(-1, 64), WAVES, 1, None, 0)  # type: ignore[call-overload]
    sizes = np.abs(np.rint(found / steps))
    sizes = np.minimum(sizes, FAR + 1).astype(np.int64)
    return np.stack([np.bincount(one, minlength=FAR + 2)[1 : FAR + 1] for one in sizes.T])


def _gains(counts: np.ndarray, table: tuple[int, ...]) -> np.ndarray:
    """Of each quality, how much likelier it makes the counts than no earlier saving (logarithm)."""
    shares, logarithms = _shares(table)
    usual = np.stack([_usual(row) for row in counts])
    normal = np.log(np.einsum("fk,qfk->qf", usual, shares))
    return np.einsum("fk,qfk->q", counts, logarithms) - normal @ counts.sum(axis=1)  # type: ignore[no-any-return]


def _usual(counts: np.ndarray) -> np.ndarray:
    """Shares as they would be without an earlier saving: each size as much rarer as the last."""
    mean = float(counts @ SIZES) / max(1, int(counts.sum()))
    shares = (1 - 1 / max(mean, 1.02)) ** SIZES
    return np.asarray(shares / shares.sum())


@lru_cache(maxsize=32)
def _shares(table: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """How much more often each size is there for each quality, and the logarithms."""
    rows = [
        [_share(table[place], scaled(LUMA, quality)[place]) for place in FREQUENCIES]
        for quality in QUALITIES
    ]
    shares = np.array(rows)
    return shares, np.log(shares)


@lru_cache(maxsize=4096)
def _share(now: int, then: int) -> np.ndarray:
    """How much more often each size is there than without the earlier step.

    One where the earlier step divides the later one or is much finer: it left no trace.
    """
    if now % then == 0 or then < now / 2:
        return np.ones(FAR)
    edges = (np.arange(1, FAR + 2) - 0.5) * now
    centres = np.arange(-1, (FAR + 2) * now // then + 3) * then
    below = _normal((edges[:, None] - centres[None, :]) / NOISE)
    share = np.diff(below.sum(axis=1)) * then / now
    return np.asarray((1 - FLOOR) * share + FLOOR)


def _normal(values: np.ndarray) -> np.ndarray:
    """Distribution function of the normal distribution, to three digits."""
    return 1 / (1 + np.exp(-1.702 * values.clip(-40, 40)))
