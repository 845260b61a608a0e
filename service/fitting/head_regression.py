"""Fit a head on a model's features: logistic regression drawn towards the shipped head.

It minimises the balanced logistic loss + ridge * |weight - shipped weight|^2, by Newton's method;
the bias is free. Balanced: both classes count the same, and in a class every source.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from service.fitting.metrics import balanced, sigmoid

FOLDS = 3
STRENGTHS = 10.0 ** np.arange(2, -4, -1)  # ridges, in units of the features' mean variance
STEPS, HALVINGS, SETTLED = 30, 12, 1e-5  # of Newton's method; a relative gain that ends it


@dataclass(frozen=True, eq=False)
class LinearHead:
    """logit = features * weight + bias; weight is N float32."""

    weight: np.ndarray
    bias: float

    def logits(self, features: np.ndarray) -> np.ndarray:
        """M float64 of MxN features."""
        return np.asarray(features @ self.weight + self.bias, float)


@dataclass(frozen=True, eq=False)
class Sample:
    """M images: MxN float32 features, what they are, their source or species, and the unit of
    images (of one person, say) that they belong to."""

    features: np.ndarray
    fake: np.ndarray
    source: np.ndarray
    unit: np.ndarray

    def rows(self, chosen: np.ndarray) -> Sample:
        """Some of the images."""
        return Sample(**{name: values[chosen] for name, values in vars(self).items()})

    @property
    def has_both(self) -> bool:
        """Whether there are genuine images and attacks."""
        return bool(self.fake.any() and (~self.fake).any())


def refit(sample: Sample, shipped: LinearHead) -> tuple[LinearHead, float]:
    """The new head, and its ridge, chosen by images of units that a fit has not seen.

    The sample must hold both classes.
    """
    ridges = STRENGTHS * max(float(sample.features.var(axis=0).mean()), 1e-12)
    ridge = _best(sample, shipped, ridges)
    return fit(sample, shipped, ridge), ridge


def fit(
    sample: Sample, shipped: LinearHead, ridge: float, start: LinearHead | None = None
) -> LinearHead:
    """The head for one ridge; `start` is where the search begins."""
    problem = _Problem(sample, shipped, ridge)
    point = _point(start or shipped)
    loss = problem.loss(point)
    for _ in range(STEPS):
        before = loss
        point, loss = problem.step(point, before)
        if before - loss <= SETTLED * before:
            break
    return LinearHead(point[:-1].astype(np.float32), float(point[-1]))


def _best(sample: Sample, shipped: LinearHead, ridges: np.ndarray) -> float:
    """The ridge of the least loss on units left out; the strongest where none can be left out."""
    _, number = np.unique(sample.unit, return_inverse=True)
    fold = np.random.default_rng(0).permutation(number.max() + 1)[number] % FOLDS
    weights, total = balanced(sample.fake, sample.source), np.zeros(len(ridges))
    for test in (fold == one for one in range(FOLDS)):
        seen = sample.rows(~test)
        for i, head in enumerate(_path(seen, shipped, ridges) if seen.has_both else ()):
            logits = head.logits(sample.features[test])
            total[i] += weights[test] @ _log_loss(logits, sample.fake[test])
    return float(ridges[int(np.argmin(total))])


def _path(sample: Sample, shipped: LinearHead, ridges: np.ndarray) -> Iterator[LinearHead]:
    """Strongest first, each begun where the one before ended, which saves most of the steps."""
    head = shipped
    for ridge in ridges:
        head = fit(sample, shipped, ridge, head)
        yield head


class _Problem:
    """A point is weight and bias in one vector of N + 1."""

    def __init__(self, sample: Sample, shipped: LinearHead, ridge: float) -> None:
        ones = np.ones((len(sample.fake), 1), np.float32)
        self._design = np.concatenate([sample.features.astype(np.float32), ones], axis=1)
        self._fake, self._weights = sample.fake, balanced(sample.fake, sample.source)
        self._centre = _point(shipped)
        self._ridge = np.append(np.full(len(shipped.weight), ridge), 0.0)

    def loss(self, point: np.ndarray) -> float:
        losses = _log_loss(self._logits(point), self._fake)
        return float(self._weights @ losses + self._ridge @ (point - self._centre) ** 2)

    def step(self, point: np.ndarray, loss: float) -> tuple[np.ndarray, float]:
        """The next point and its loss, which is never higher."""
        step = np.linalg.solve(*self._newton(point))
        for _ in range(HALVINGS):
            further = self.loss(point - step)
            if further < loss:
                return point - step, further
            step = step / 2
        return point, loss

    def _newton(self, point: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(curvature, gradient). Float32 does for the direction, and is twice as fast."""
        p = sigmoid(self._logits(point))
        slope = self._weights * (p - self._fake)
        scaled = self._design * np.sqrt(self._weights * p * (1 - p)).astype(np.float32)[:, None]
        curvature = (scaled.T @ scaled).astype(float)
        curvature[np.diag_indices_from(curvature)] += 2 * self._ridge + 1e-9
        gradient = self._design.T @ slope.astype(np.float32)
        return curvature, gradient + 2 * self._ridge * (point - self._centre)

    def _logits(self, point: np.ndarray) -> np.ndarray:
        return np.asarray(self._design @ point.astype(np.float32), float)


def _point(head: LinearHead) -> np.ndarray:
    return np.append(head.weight.astype(float), head.bias)


def _log_loss(logits: np.ndarray, fake: np.ndarray) -> np.ndarray:
    return np.asarray(np.logaddexp(0, np.where(fake, -logits, logits)))
