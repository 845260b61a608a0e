"""Compare two ways to judge the same images: the gain, with 95 % bootstrap intervals."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from service.fitting import metrics
from service.fitting.metrics import Figure
from service.fitting.report_metrics import Faces


@dataclass(frozen=True)
class Comparison:
    """AUC before and after, their difference image by image, and the APCER before and after.

    The APCER is the mean over species, at the threshold that calls the accepted share of these
    genuine images an attack.
    """

    auc_before: Figure
    auc_after: Figure
    auc_gain: Figure
    apcer_before: Figure
    apcer_after: Figure

    @property
    def better(self) -> bool:
        """Whether the gain is more than chance, and no more attacks get through."""
        gain, before, after = (
            *(self.auc_gain["low"], self.apcer_before["value"], self.apcer_after["value"]),
        )
        if gain is None or before is None or after is None:
            return False
        return gain > 0 and after <= before

    def figures(self) -> dict[str, Figure]:
        """By their names."""
        return asdict(self)


def compare(before: np.ndarray, after: np.ndarray, faces: Faces, bpcer: float) -> Comparison:
    """Scores before and after, one per image, of the images that `faces` tells about."""

    def auc(scores: np.ndarray, rows: np.ndarray) -> float:
        return metrics.auc(scores[rows], faces.fake[rows])

    def missed(scores: np.ndarray, rows: np.ndarray) -> float:
        return mean_apcer(scores[rows], faces.fake[rows], faces.source[rows], bpcer)

    def gain(rows: np.ndarray) -> float:
        return auc(after, rows) - auc(before, rows)

    return Comparison(
        auc_before=metrics.interval(lambda rows: auc(before, rows), faces.group),
        auc_after=metrics.interval(lambda rows: auc(after, rows), faces.group),
        auc_gain=metrics.interval(gain, faces.group),
        apcer_before=metrics.interval(lambda rows: missed(before, rows), faces.group),
        apcer_after=metrics.interval(lambda rows: missed(after, rows), faces.group),
    )


def mean_apcer(scores: np.ndarray, fake: np.ndarray, source: np.ndarray, bpcer: float) -> float:
    """Mean over species of the share of attacks that are let through where at most the share
    `bpcer` of the genuine images is not. NaN without both."""
    genuine = np.sort(scores[~fake])[::-1]
    if not len(genuine) or not fake.any():
        return float("nan")
    let_through = scores <= genuine[int(bpcer * len(genuine))]
    return float(np.mean([let_through[fake & (source == one)].mean() for one in _of(source, fake)]))


def _of(source: np.ndarray, fake: np.ndarray) -> np.ndarray:
    return np.unique(source[fake])
