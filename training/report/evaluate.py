"""Calibrates an exported model on one split, reports on another; writes manifest, metrics and card.

    python -m training.report.evaluate --data DIR --out DIR --model service/models/lite0 [--most N]

OUT is the folder of `training.fit.train`, whose split is used; the scores stay there, for
`training.report.plots` and `training.fit.fuse`; interrupted, the same command goes on. Every image
takes the road it takes in serving: detector, crop, ONNX Runtime.
"""

from __future__ import annotations

import argparse
import json
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from service.fitting import metrics
from service.fitting.report_metrics import at_point, auc_by_species, overall, thresholds
from training.data.dataset import MODELS, LabelRow, load_index, miss_rates, read_labels, some_of
from training.export.manifest import read_manifest, write_manifest
from training.report.card.document import write_card
from training.report.measure import measuring
from training.report.measure.distribution import det, histogram
from training.report.measure.localisation import localisation
from training.report.measure.measuring import COPIED, Parts, measure
from training.report.measure.robustness import changes
from training.report.measure.scoring import PhotographScorer, Scores, save_scores
from training.report.measure.slices import by_slice

RATES = (0.001, 0.01, 0.02, 0.05, 0.1)
MADE = ("self_blends", *(f"{name}_copies" for name in COPIED))  # of genuine test images
MAPPED = 100  # genuine images of a source whose self-blends' heat maps are looked at
PEOPLE = (  # name, column and code in UTKFace's file names
    ("men", 1, "0"), ("women", 1, "1"), ("White", 2, "0"), ("Black", 2, "1"),
    ("Asian", 2, "2"), ("Indian", 2, "3"), ("other", 2, "4"),
)  # fmt: skip
WIDTHS = (0, 80, 120, 160, 10_000)  # face width in pixels


def calibrate(scores: Scores) -> tuple[float, float]:
    """(slope, intercept); both classes, and the sources within a class, count the same."""
    return metrics.platt(scores.logit, scores.fake, metrics.balanced(scores.fake, scores.source))


def operating_points(
    probability: np.ndarray, scores: Scores, margin: float = 0.0
) -> list[dict[str, float]]:
    """Thresholds for the rates that the split has enough bona fide images for, sources balanced.

    `margin`: log-odds that a source of genuine images needs more when training has not seen it.
    """
    genuine = ~scores.fake
    weights = metrics.balanced(scores.fake, scores.source)[genuine]
    found = thresholds(probability[genuine], RATES, weights)
    return [{"bpcer": r, "threshold": round(_moved(found[r], margin), 5)} for r in found]


def _moved(probability: float, log_odds: float) -> float:
    if not 0 < probability < 1:
        return probability
    known = np.log(probability / (1 - probability)) + log_odds
    return float(metrics.sigmoid(np.array(known)))


def evaluate(data: Path, out: Path, folder: Path) -> dict[str, Any]:
    """Measures a detector; its manifest gets the calibration. Everything metrics.json holds."""
    rows, assigned = read_labels(data), np.load(out / "split.npy")
    splits = {name: rows_of(rows, assigned, name) for name in ("calibration", "test")}
    scorer = PhotographScorer(folder)
    parts = measure(scorer, data, out, splits)
    manifest = {**read_manifest(folder), "known_logit": scorer.pattern_logit()}
    figures = report(data, out, folder, manifest, parts, margin=_margin(out))
    if "cam" in manifest["output"]:
        genuine = [row for row in splits["test"] if row.label == "real"]
        few = [genuine[row] for row in some_of(np.array([row.source for row in genuine]), MAPPED)]
        figures["test"]["heat_map"] = localisation(folder, data, few)
    return figures


def report(
    data: Path,
    out: Path,
    folder: Path,
    manifest: dict[str, Any],
    parts: Parts,
    *,
    margin: float = 0.0,
) -> dict[str, Any]:
    """Everything that metrics.json holds, from the scores of each part; calibrates the manifest.

    `margin`: as of `operating_points`, in the logit of the model. Raises ValueError where there are
    too few genuine images for a threshold.
    """
    known = parts["calibration"].where(parts["calibration"].found)
    if not metrics.default_is_statable(genuine := int((~known.fake).sum())):
        raise ValueError(
            f"{genuine} genuine calibration images were judged, too few for a threshold: remove"
            f" {out}/scores-*.npz and judge more of each kind (--most)."
        )
    slope, intercept = calibrate(known)
    odds = metrics.sigmoid(slope * known.logit + intercept)
    points = operating_points(odds, known, slope * margin)
    update_manifest(folder, manifest, slope, intercept, points)
    save_scores(out, manifest, parts)  # of a fusion, its weights name it, and these have changed
    return {
        "model": {key: manifest[key] for key in ("name", "version", "licence", "origin")},
        "data": counts(read_labels(data), np.load(out / "split.npy")),
        "run": _run(out),
        "non_response": {k: {"missed": m, "images": n}
                        for k, (m, n) in miss_rates(load_index(out)).items()},
        "calibration": {"slope": slope, "intercept": intercept,
                        "prior": "both classes count the same, sources within a class too"},
        "test": tested(parts, slope, intercept, points),
    }  # fmt: skip


def tested(
    parts: Parts, slope: float, intercept: float, points: list[dict[str, float]]
) -> dict[str, Any]:
    """The figures of the test split."""
    threshold = next(p["threshold"] for p in points if p["bpcer"] == metrics.DEFAULT_RATE)

    def probability(scores: Scores) -> np.ndarray:
        return metrics.sigmoid(slope * scores.logit + intercept)

    seen = parts["test"].where(parts["test"].found)
    p = probability(seen)
    made = {name: parts[name].where(parts[name].found) for name in MADE if name in parts}
    return {
        **overall(p, seen),
        "operating_points": [at_point(p, seen, point) for point in points],
        "det": det(p, seen, [point["threshold"] for point in points]),
        "scores": histogram(p, seen),
        "by_species": auc_by_species(p, seen),
        "by_face_width": list(_widths(p, seen, threshold)),
        "by_people": _people(p, seen, threshold),
        "by_change": list(changes(parts, probability, threshold)),
        **{n: _of_made(probability(s), s, threshold) for n, s in made.items()},
    }


def _of_made(p: np.ndarray, scores: Scores, threshold: float) -> dict[str, Any]:
    sources = np.unique(scores.source).tolist()
    return {**by_slice(p, scores, threshold, "jpeg", 90), "sources": sources}


def _margin(out: Path) -> float:
    """What `training.fit.new_sources` found that a new genuine source needs more, in the logit."""
    found = json.loads((out / "run.json").read_text()).get("new_sources")
    return float(found["margin"]) if found else 0.0


def _run(out: Path) -> dict[str, Any]:
    """run.json and, of history.json, what became of it, unless it says that itself."""
    run: dict[str, Any] = json.loads((out / "run.json").read_text())
    if "steps_done" in run:
        return run
    history = json.loads((out / "history.json").read_text())
    best = max(history, key=lambda entry: entry["mean"])
    return {**run, "steps_done": best["step"], "validations": len(history)}


def rows_of(rows: list[LabelRow], assigned: np.ndarray, name: str) -> list[LabelRow]:
    """The rows of one split."""
    return [row for row, split in zip(rows, assigned, strict=True) if split == name]


def counts(rows: list[LabelRow], assigned: np.ndarray) -> dict[str, dict[str, int]]:
    """split -> "source label" -> images."""
    found: dict[str, dict[str, int]] = {}
    for row, name in zip(rows, assigned, strict=True):
        kinds = found.setdefault(str(name) or "no face", {})
        kinds[f"{row.source} {row.label}"] = kinds.get(f"{row.source} {row.label}", 0) + 1
    return found


def update_manifest(
    folder: Path, manifest: dict[str, Any], slope: float, intercept: float, points: list[Any]
) -> None:
    if manifest["kind"] == "fusion":  # it has no calibration of its own: its weights take it up
        for one in manifest["inputs"]:
            one["weight"] = round(one["weight"] * slope, 5)
        manifest["intercept"] = round(manifest["intercept"] * slope + intercept, 5)
    else:
        manifest["calibration"] = {"slope": round(slope, 5), "intercept": round(intercept, 5)}
    manifest["operating_points"] = points
    manifest["default_bpcer"] = metrics.DEFAULT_RATE
    write_manifest(folder, manifest)


def _widths(p: np.ndarray, scores: Scores, threshold: float) -> Any:
    for low, high in pairwise(WIDTHS):
        mine = (scores.width >= low) & (scores.width < high)
        if mine.sum() >= 50:
            yield by_slice(p[mine], scores.where(mine), threshold, "pixels", [low, high])


def _people(p: np.ndarray, scores: Scores, threshold: float) -> dict[str, Any]:
    """BPCER per group of people, from UTKFace's names: age_sex_ethnicity_time."""
    rows = np.flatnonzero((scores.source == "utkface") & ~scores.fake)
    codes = np.array([scores.group[row].split("/")[1].split("_")[:3] for row in rows])
    found: dict[str, Any] = {}
    for name, column, code in PEOPLE:
        mine = rows[codes[:, column] == code] if len(rows) else rows
        if len(mine):
            alarms = p[mine] >= threshold
            figure = partial(_mean_of, alarms)
            found[name] = {**metrics.interval(figure, scores.group[mine]), "images": len(mine)}
    return found


def _mean_of(values: np.ndarray, rows: np.ndarray) -> float:
    return float(values[rows].mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder of training.fit.train")
    parser.add_argument("--model", type=Path, default=MODELS / "lite0")
    parser.add_argument("--most", type=int, default=measuring.MOST, help="images of a kind")
    parser.add_argument("--few", type=int, default=measuring.FEW, help="likewise, for a change")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    measuring.MOST, measuring.FEW = args.most, args.few
    figures = evaluate(args.data, args.out, args.model)
    (args.model / "metrics.json").write_text(json.dumps(figures, indent=1) + "\n")
    write_card(args.model, figures)
    print((args.model / "card.md").read_text())


if __name__ == "__main__":
    main()
