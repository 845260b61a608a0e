"""Writes a fitted fusion: classifier in ONNX, manifest with thresholds and figures."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from service.analysis.decision.fusion import Trained
from service.analysis.decision.rules import SMALLEST
from service.analysis.decision.stacking import open_stack
from service.analysis.detectors.base import Detector
from service.errors import StartupError
from service.fitting.classifiers import export, fitted, scorer
from service.fitting.cross_validation import Line, Table, out_of_fold
from service.fitting.metrics import balanced, platt, sigmoid, threshold_at
from service.fitting.model_selection import Choice
from service.repository import deployed
from service.repository.fusion_manifest import INPUT, OUTPUT
from service.repository.session import open_session
from service.settings import Settings

RATES = (0.01, 0.02, 0.05, 0.1)
TOLERANCE = 1e-3  # between what was fitted and what was written


def write_stack(
    settings: Settings,
    table: Table,
    choice: Choice,
    detectors: Sequence[Detector],
    lines: Sequence[Line],
) -> str:
    """The version of the new folder in `stacks`, tried as the service will open it.

    Raises StartupError when what was written does not answer as what was fitted does, or has no
    threshold for the BPCER of the settings; nothing is left behind then.
    """
    version = time.strftime("%Y.%m.%d.%H%M%S", time.gmtime())
    folder = deployed.stacks(settings) / version
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise StartupError("Another fit is being deployed.", "Run this again.") from None
    try:
        figures = [{"name": x.name, "known": x.known, "held_out": x.held_out} for x in lines]
        _write(folder, table, choice, detectors, figures)
        Trained(*open_stack(folder), detectors, settings.bpcer)
    except BaseException:
        shutil.rmtree(folder)
        raise
    return version


def _write(
    folder: Path,
    table: Table,
    choice: Choice,
    detectors: Sequence[Detector],
    figures: list[dict[str, Any]],
) -> None:
    model = fitted(choice.kind, choice.params, table)
    export(choice.kind, model, folder / "model.onnx", len(detectors))
    _compare(folder / "model.onnx", table, scorer(model)(table.log_odds))
    manifest = _manifest(folder, table, choice, detectors) | {"figures": figures}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")


def _manifest(
    folder: Path, table: Table, choice: Choice, detectors: Sequence[Detector]
) -> dict[str, Any]:
    unseen = out_of_fold(table, lambda part: {"": choice.fit(part)})[""]
    weights = balanced(table.fake, table.species)
    logits = _log_odds(unseen)
    slope, intercept = platt(logits, table.fake, weights)
    genuine = sigmoid(slope * logits + intercept)[~table.fake]
    points = [(rate, threshold_at(genuine, rate, weights[~table.fake])) for rate in RATES]
    return {
        "name": "ensemble",
        "version": folder.name,
        "kind": "fusion",
        "classifier": choice.kind.name,
        "parameters": choice.params,
        "inputs": [{"name": one.name, "version": one.version} for one in detectors],
        "file": "model.onnx",
        "sha256": hashlib.sha256((folder / "model.onnx").read_bytes()).hexdigest(),
        "calibration": {"slope": slope, "intercept": intercept},
        "operating_points": [{"bpcer": r, "threshold": t} for r, t in points if t is not None],
        "default_bpcer": 0.05,
    }


def _compare(file: Path, table: Table, fitted_scores: np.ndarray) -> None:
    (answer,) = open_session(file).run([OUTPUT], {INPUT: table.log_odds.astype(np.float32)})
    if not np.abs(answer[:, 1] - fitted_scores).max() <= TOLERANCE:
        raise StartupError(
            "The classifier answers otherwise once it is written as ONNX.",
            "Fit another kind: `facegate ensemble fit --only`.",
        )


def _log_odds(probability: np.ndarray) -> np.ndarray:
    inside = np.clip(probability, SMALLEST, 1 - SMALLEST)
    return np.asarray(np.log(inside / (1 - inside)))
