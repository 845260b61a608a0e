"""Fits the fusion of several detectors and reports on it: a model folder of kind `fusion`.

    python -m training.fit.fuse --data DIR --out DIR --detectors DIR DIR \
        --model service/models/stack

OUT is the folder of `training.fit.train`, with the scores that `training.report.evaluate` kept of
each of the detectors. Half of the calibration split, by group, fits the weights: its photographs as
they are and as a messenger leaves them, both counting the same, so that what holds under
compression gets its share. The other half gives the calibration and the thresholds; the test split
is reported on.
"""

from __future__ import annotations

import argparse
import json
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from service.fitting import metrics
from training.data.dataset import read_labels
from training.export.manifest import read_manifest
from training.report.card.document import write_card
from training.report.evaluate import counts, report
from training.report.measure.measuring import Parts
from training.report.measure.scoring import load_scores

LEFT_OUT = ("transfer", "new_sources")  # what was found by leaving something out


def fitting_half(groups: np.ndarray) -> np.ndarray:
    """Which rows fit the weights: half of the groups, the same ones in every run."""
    return np.array([zlib.crc32(str(group).encode()) % 2 == 1 for group in groups])


def log_odds(manifest: dict[str, Any], parts: Parts) -> dict[str, np.ndarray]:
    """One detector's calibrated log-odds by part."""
    known = manifest["calibration"]
    return {n: known["slope"] * s.logit + known["intercept"] for n, s in parts.items()}


def fit(values: np.ndarray, fake: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, float]:
    """(weight of each column of NxD log-odds, intercept); `weights` one for each row.

    No weight is negative, or a detector that finds a fake would speak for a genuine face.
    """
    found = LogisticRegression(C=100.0).fit(values, fake, sample_weight=weights)
    positive = found.coef_[0] > 0
    if positive.all() or not positive.any():
        return found.coef_[0], float(found.intercept_[0])
    coefficients = np.zeros(values.shape[1])
    coefficients[positive], intercept = fit(values[:, positive], fake, weights)
    return coefficients, intercept


def fuse(data: Path, out: Path, folders: Sequence[Path], model: Path, version: str) -> None:
    """Write model/manifest.json, metrics.json and card.md."""
    manifests = [read_manifest(folder) for folder in folders]
    kept = [load_scores(out, manifest) for manifest in manifests]
    odds = [log_odds(*one) for one in zip(manifests, kept, strict=True)]
    values = {name: np.stack([one[name] for one in odds], axis=1) for name in kept[0]}
    coefficients, intercept = fit(*_examples(kept[0], values))
    parts = {n: replace(s, logit=values[n] @ coefficients + intercept) for n, s in kept[0].items()}
    if np.count_nonzero(coefficients) > 1:  # one weight alone is only a matter of calibration
        left = ~fitting_half(parts["calibration"].group)
        parts["calibration"] = parts["calibration"].where(left)
    model.mkdir(parents=True, exist_ok=True)
    manifest = _manifest(model.name, version, manifests, coefficients, intercept)
    run = run_of(folders, counts(read_labels(data), np.load(out / "split.npy")))
    more = margin_of(folders, coefficients)
    figures = report(data, out, model, manifest, parts, margin=more)
    figures["run"] = run
    (model / "metrics.json").write_text(json.dumps(figures, indent=1) + "\n")
    write_card(model, figures)


def _examples(parts: Parts, values: dict[str, np.ndarray]) -> tuple[np.ndarray, ...]:
    """What the weights are fitted to: NxD log-odds, N labels, N weights."""
    found, total = [], len(parts["calibration"].fake)
    for name in ("calibration", "calibration_sent"):
        part = parts[name]
        fits = fitting_half(part.group) & np.isfinite(values[name]).all(axis=1)
        weights = metrics.balanced(part.fake[fits], part.source[fits])
        found.append((values[name][fits], part.fake[fits], weights / weights.sum() * total))
    return tuple(np.concatenate(column) for column in zip(*found, strict=True))


def margin_of(folders: Sequence[Path], weights: np.ndarray) -> float:
    """What a new genuine source needs more (`training.fit.new_sources`), in the fused log-odds."""
    found = 0.0
    for folder, weight in zip(folders, weights, strict=True):
        known = json.loads((folder / "metrics.json").read_text())
        margin = known["run"].get("new_sources", {}).get("margin", 0.0)
        found += weight * known["calibration"]["slope"] * margin
    return float(found)


def run_of(folders: Sequence[Path], split: dict[str, Any]) -> dict[str, Any]:
    """What the card tells of the trainings; `split`: the images in each part of this one's.

    A detector that was measured with another split may have learned from what is the test's here.
    """
    known = [json.loads((folder / "metrics.json").read_text()) for folder in folders]
    titles = [f"{one['model']['name']} {one['model']['version']}" for one in known]
    others = [t for t, one in zip(titles, known, strict=True) if one["data"] != split]
    starts = [one["run"]["start"] for one in known if one["run"].get("start")]
    kept = not others and all(one["run"].get("groups", True) for one in known)
    told = {} if kept else {"groups": None}
    found = {n: one["run"][n] for one in known for n in LEFT_OUT if n in one["run"]}
    start = ", ".join(others + starts)
    return {**known[0]["run"], **told, **found, "start": start, "fused": titles}


def _manifest(
    name: str,
    version: str,
    detectors: list[dict[str, Any]],
    coefficients: np.ndarray,
    intercept: float,
) -> dict[str, Any]:
    inputs = [
        {"name": one["name"], "version": one["version"], "weight": float(weight)}
        for one, weight in zip(detectors, coefficients, strict=True)
    ]
    names = " and ".join(f"{one['name']} {one['version']}" for one in inputs)
    return {
        "name": name, "version": version, "kind": "fusion", "licence": "Apache-2.0",
        "origin": f"Logistic regression over the calibrated log-odds of {names}.",
        "inputs": inputs, "intercept": intercept,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder of training.fit.train")
    parser.add_argument("--detectors", type=Path, nargs="+", required=True)
    parser.add_argument("--model", type=Path, default=Path("service/models/stack"))
    parser.add_argument("--version", default="1.0.0")
    args = parser.parse_args()
    fuse(args.data, args.out, args.detectors, args.model, args.version)
    print((args.model / "card.md").read_text())


if __name__ == "__main__":
    main()
