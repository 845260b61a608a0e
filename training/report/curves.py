"""The numbers that the plots of an evaluation show; numpy only."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np

from service.fitting import metrics
from training.export.manifest import read_manifest
from training.report.measure.scoring import Scores, load_scores

BINS = 10  # of the reliability diagram


class Evaluation:
    """Scores of one model, calibrated as in its evaluation, at its default threshold."""

    def __init__(self, model: Path, out: Path) -> None:
        manifest = read_manifest(model)
        self.name = f"{manifest['name']} {manifest['version']}"
        # Of metrics.json and not of the manifest: a fusion has taken it up into its weights.
        self._calibration = json.loads((model / "metrics.json").read_text())["calibration"]
        self.bpcer = manifest["default_bpcer"]
        points = {point["bpcer"]: point["threshold"] for point in manifest["operating_points"]}
        self.threshold: float = points[self.bpcer]
        parts = load_scores(out, manifest)
        self.parts = {name: scores.where(scores.found) for name, scores in parts.items()}
        self.test = self.parts["test"]

    def probability(self, scores: Scores) -> np.ndarray:
        slope, intercept = self._calibration["slope"], self._calibration["intercept"]
        return metrics.sigmoid(slope * scores.logit + intercept)

    @property
    def species(self) -> list[str]:
        return [str(name) for name in np.unique(self.test.source[self.test.fake])]

    @property
    def qualities(self) -> dict[int, Scores]:
        """JPEG quality -> scores."""
        names = [name for name in self.parts if name.startswith("quality_")]
        return {int(name.partition("_")[2]): self.parts[name] for name in names}


def det_curve(genuine: np.ndarray, attacks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(BPCER, APCER) at every score that occurs, by rising threshold."""
    thresholds = np.unique(np.concatenate([genuine, attacks]))
    missed = np.searchsorted(np.sort(attacks), thresholds) / len(attacks)
    alarms = 1 - np.searchsorted(np.sort(genuine), thresholds) / len(genuine)
    return alarms, missed


def rate_of(evaluation: Evaluation, scores: Scores, species: str | None) -> metrics.Figure:
    """APCER of a species, or, of None, the BPCER, at the default threshold."""
    mine = ~scores.fake if species is None else scores.fake & (scores.source == species)
    called = evaluation.probability(scores)[mine] >= evaluation.threshold
    wrong = called if species is None else ~called
    return metrics.interval(partial(_mean_of, wrong), scores.group[mine])


def _mean_of(values: np.ndarray, rows: np.ndarray) -> float:
    return float(values[rows].mean()) if len(rows) else float("nan")


def reliability_bins(
    probability: np.ndarray, fake: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each bin that is not empty: mean probability, share of attacks, share of the weight."""
    bins = np.minimum((probability * BINS).astype(int), BINS - 1)
    total = np.bincount(bins, weights, BINS)
    said, found = (np.bincount(bins, weights * v, BINS) for v in (probability, fake))
    there = total > 0
    return said[there] / total[there], found[there] / total[there], total[there] / total.sum()
