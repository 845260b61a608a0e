"""Calibrates an exported model on one split, reports on another; writes manifest, metrics and card.

    python -m training.evaluate --data DIR --out DIR --model service/models/lite0

OUT is the folder of `training.train`, whose split is used; the scores stay there as scores.npz, for
`training.plots`. Every image takes the road it takes in serving: detector, crop, ONNX Runtime.
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

from service.analysis.faces import FaceDetector
from service.analysis.figures import at_point, auc_by_species, overall, thresholds
from training import metrics
from training.augment import encoded
from training.card import write_card
from training.dataset import MODELS, Row, load_index, miss_rates, read_labels
from training.manifest import write_manifest
from training.scoring import Scorer, Scores, save_scores, score
from training.selfblend import self_blend

RATES = (0.001, 0.01, 0.02, 0.05, 0.1)
QUALITIES = (20, 40, 60, 80, 95)
QUALITY_IMAGES = 1500  # of the test split, drawn at random, for each JPEG quality
PEOPLE = (  # name, column and code in UTKFace's file names
    ("men", 1, "0"), ("women", 1, "1"), ("White", 2, "0"), ("Black", 2, "1"),
    ("Asian", 2, "2"), ("Indian", 2, "3"), ("other", 2, "4"),
)  # fmt: skip
WIDTHS = (0, 80, 120, 160, 10_000)  # face width in pixels


def calibrate(scores: Scores) -> tuple[float, float]:
    """(slope, intercept); both classes, and the sources within a class, count the same."""
    return metrics.platt(scores.logit, scores.fake, metrics.balanced(scores.fake, scores.source))


def operating_points(probability: np.ndarray, scores: Scores) -> list[dict[str, float]]:
    """Thresholds for the rates that the split has enough bona fide images for, sources balanced."""
    genuine = ~scores.fake
    weights = metrics.balanced(scores.fake, scores.source)[genuine]
    found = thresholds(probability[genuine], RATES, weights)
    return [{"bpcer": rate, "threshold": round(found[rate], 5)} for rate in found]


def by_slice(
    probability: np.ndarray, scores: Scores, threshold: float, name: str, value: object
) -> dict[str, Any]:
    """Short figures of one slice of the data."""
    fake = scores.fake
    return {
        name: value, "images": len(fake), "attacks": int(fake.sum()),
        "auc": metrics.interval(lambda r: metrics.auc(probability[r], fake[r]), scores.group),
        "apcer": metrics.interval(
            lambda r: metrics.apcer(probability[r][fake[r]], threshold), scores.group),
        "bpcer": metrics.interval(
            lambda r: metrics.bpcer(probability[r][~fake[r]], threshold), scores.group),
    }  # fmt: skip


def reencode(quality: int, _: int, image: np.ndarray) -> np.ndarray:
    return encoded(image, ".jpg", quality)


class Blend:
    """Change of every second image into a self-blend; all are re-encoded alike."""

    def __init__(self, faces: FaceDetector) -> None:
        self.faces = faces

    def __call__(self, number: int, image: np.ndarray) -> np.ndarray:
        found = self.faces.detect(image)
        if number % 2 and found.faces:
            image = self_blend(found.image, found.faces[0].keypoints, number)
        return encoded(image, ".jpg", 90)


def evaluate(
    data: Path,
    out: Path,
    folder: Path,
    scorer: Scorer | None = None,
    assigned: np.ndarray | None = None,
) -> dict[str, Any]:
    """Everything that metrics.json holds; the manifest gets its calibration on the way.

    Of the folder's detector and OUT's split, where no other `scorer` and split are given.
    """
    rows = read_labels(data)
    assigned = np.load(out / "split.npy") if assigned is None else assigned
    scorer, picked = scorer or Scorer.of(folder), partial(rows_of, rows, assigned)
    raw = score(scorer, data, picked("calibration"))
    known = raw.where(raw.found)
    slope, intercept = calibrate(known)
    points = operating_points(metrics.sigmoid(slope * known.logit + intercept), known)
    _update_manifest(folder, scorer.manifest, slope, intercept, points)
    threshold = next(p["threshold"] for p in points if p["bpcer"] == metrics.DEFAULT_RATE)

    def probability(scores: Scores) -> np.ndarray:
        return metrics.sigmoid(slope * scores.logit + intercept)

    test = score(scorer, data, picked("test"))
    seen = test.where(test.found)  # all of them: a split holds only images with a face found
    p = probability(seen)
    by_quality = score_qualities(scorer, data, picked("test"))
    qualities = {f"quality_{quality}": scores for quality, scores in by_quality.items()}
    save_scores(out, scorer.manifest, {"calibration": raw, "test": test, **qualities})
    return {
        "model": {key: scorer.manifest[key] for key in ("name", "version", "licence", "origin")},
        "data": _counts(rows, assigned),
        "run": _run(out),
        "non_response": {k: {"missed": m, "images": n}
                        for k, (m, n) in miss_rates(load_index(out)).items()},
        "calibration": {"slope": slope, "intercept": intercept,
                        "prior": "both classes count the same, sources within a class too"},
        "test": {
            **overall(p, seen),
            "operating_points": [at_point(p, seen, point) for point in points],
            "by_species": auc_by_species(p, seen),
            "by_face_width": list(_widths(p, seen, threshold)),
            "by_people": _people(p, seen, threshold),
            "by_jpeg_quality": list(_qualities(by_quality, probability, threshold)),
            "self_blends": _self_blends(scorer, data, picked("test"), probability, threshold),
        },
    }  # fmt: skip


def _run(out: Path) -> dict[str, Any]:
    """run.json and, of history.json, what became of it."""
    run: dict[str, Any] = json.loads((out / "run.json").read_text())
    history = json.loads((out / "history.json").read_text())
    best = max(history, key=lambda entry: entry["mean"])
    return {**run, "steps_done": best["step"], "validations": len(history)}


def rows_of(rows: list[Row], assigned: np.ndarray, name: str) -> list[Row]:
    """The rows of one split."""
    return [row for row, split in zip(rows, assigned, strict=True) if split == name]


def _counts(rows: list[Row], assigned: np.ndarray) -> dict[str, dict[str, int]]:
    """split -> "source label" -> images."""
    counts: dict[str, dict[str, int]] = {}
    for row, name in zip(rows, assigned, strict=True):
        kinds = counts.setdefault(str(name) or "no face", {})
        kinds[f"{row.source} {row.label}"] = kinds.get(f"{row.source} {row.label}", 0) + 1
    return counts


def _update_manifest(
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


def score_qualities(scorer: Scorer, data: Path, rows: list[Row]) -> dict[int, Scores]:
    """Scores of some of the rows, re-encoded at each JPEG quality."""
    rng = np.random.default_rng(0)
    few = [rows[i] for i in rng.permutation(len(rows))[:QUALITY_IMAGES]]
    return {q: score(scorer, data, few, partial(reencode, q)) for q in QUALITIES}


def _qualities(by_quality: dict[int, Scores], probability: Any, threshold: float) -> Any:
    for quality, scores in by_quality.items():
        seen = scores.where(scores.found)
        figures = by_slice(probability(seen), seen, threshold, "quality", quality)
        yield {**figures, "no_face": int((~scores.found).sum())}


def _self_blends(
    scorer: Scorer, data: Path, rows: list[Row], probability: Any, threshold: float
) -> dict[str, Any]:
    """Genuine test faces, every second one turned into a self-blend."""
    genuine = [row for row in rows if row.label == "real"]
    scores = score(scorer, data, genuine, Blend(FaceDetector(MODELS)))
    changed = np.arange(len(genuine)) % 2 == 1
    seen = scores.found
    blended = Scores(scores.logit, scores.width, changed, scores.source, scores.group)
    return by_slice(probability(blended)[seen], blended.where(seen), threshold, "jpeg", 90)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder of training.train")
    parser.add_argument("--model", type=Path, default=MODELS / "lite0")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    figures = evaluate(args.data, args.out, args.model)
    (args.model / "metrics.json").write_text(json.dumps(figures, indent=1) + "\n")
    write_card(args.model, figures)
    print((args.model / "card.md").read_text())


if __name__ == "__main__":
    main()
