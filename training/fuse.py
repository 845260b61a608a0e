"""Fits the fusion of several detectors and reports on it: a model folder of kind `fusion`.

    python -m training.fuse --data DIR --out DIR --detectors DIR DIR --model service/models/stack

OUT is the folder of `training.train`. Half of the calibration split, by group, fits the weights,
the other half the calibration and the thresholds; the test split is reported on.
"""

from __future__ import annotations

import argparse
import json
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from sklearn.linear_model import LogisticRegression

from service.analysis.detectors.onnx import OnnxDetector
from service.analysis.faces import Face
from training import metrics
from training.card import write_card
from training.dataset import Row, read_labels
from training.evaluate import evaluate, rows_of
from training.scoring import Judge, Scorer, score

FITTING = "stacking"  # the name of the half that fits the weights


def halve(rows: Sequence[Row], assigned: np.ndarray) -> np.ndarray:
    """The split with half of its calibration groups named `stacking`; stable from run to run."""
    odd = [zlib.crc32(f"{row.source}/{row.group}".encode()) % 2 == 1 for row in rows]
    longer = assigned.astype("U11")
    longer[(assigned == "calibration") & np.array(odd)] = FITTING
    return longer


class LogOdds:
    """One detector's calibrated log-odds of a face."""

    def __init__(self, folder: Path) -> None:
        self._detector = OnnxDetector(folder, bpcer=metrics.DEFAULT_RATE)
        self.input = {"name": self._detector.name, "version": self._detector.version}

    def __call__(self, image: np.ndarray, face: Face) -> float:
        calibration = self._detector.manifest.calibration
        return calibration.slope * self._detector.raw(image, face) + calibration.intercept


def fit(values: np.ndarray, fake: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, float]:
    """(weight of each column of NxD log-odds, intercept); `weights` one for each row."""
    found = LogisticRegression(C=100.0).fit(values, fake, sample_weight=weights)
    return found.coef_[0], float(found.intercept_[0])


def log_odds(data: Path, rows: list[Row], judges: Sequence[Judge]) -> Any:
    """(NxD log-odds, the scores of the last detector, which name the rows)."""
    neutral: dict[str, Any] = {}
    found = [score(Scorer(neutral, [judge], lambda one: one[0]), data, rows) for judge in judges]
    return np.stack([scores.logit for scores in found], axis=1), found[-1]


def fuse(data: Path, out: Path, folders: Sequence[Path], model: Path, version: str) -> None:
    """Write model/manifest.json, metrics.json and card.md."""
    judges, rows = [LogOdds(folder) for folder in folders], read_labels(data)
    assigned = halve(rows, np.load(out / "split.npy"))
    values, scores = log_odds(data, rows_of(rows, assigned, FITTING), judges)
    weights = metrics.balanced(scores.fake, scores.source)
    coefficients, intercept = fit(values[scores.found], scores.fake[scores.found],
                                  weights[scores.found])  # fmt: skip
    manifest = _manifest(model.name, version, judges, coefficients, intercept)
    scorer = Scorer(manifest, judges, lambda one: float(coefficients @ one + intercept))
    model.mkdir(parents=True, exist_ok=True)
    figures = evaluate(data, out, model, scorer, assigned)
    (model / "metrics.json").write_text(json.dumps(figures, indent=1) + "\n")
    write_card(model, figures)


def _manifest(
    name: str, version: str, judges: list[LogOdds], coefficients: np.ndarray, intercept: float
) -> dict[str, Any]:
    pairs = zip(judges, coefficients, strict=True)
    inputs = [{**judge.input, "weight": float(weight)} for judge, weight in pairs]
    names = " and ".join(f"{one['name']} {one['version']}" for one in inputs)
    return {
        "name": name, "version": version, "kind": "fusion", "licence": "Apache-2.0",
        "origin": f"Logistic regression over the calibrated log-odds of {names}.",
        "inputs": inputs, "intercept": intercept,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder of training.train")
    parser.add_argument("--detectors", type=Path, nargs="+", required=True)
    parser.add_argument("--model", type=Path, default=Path("service/models/stack"))
    parser.add_argument("--version", default="1.0.0")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    fuse(args.data, args.out, args.detectors, args.model, args.version)
    print((args.model / "card.md").read_text())


if __name__ == "__main__":
    main()
