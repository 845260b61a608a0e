"""The model folders that are made: a small network's, one that reads clip's tower, their fusion."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from service.fitting import metrics
from training.export.manifest import read_manifest, write_manifest
from training.export.quantise import quantise
from training.nets.model import MEAN, SIZE, STD
from training.presentation import left_out
from training.presentation.card import write_card
from training.presentation.collect import pixels_for_ranges
from training.presentation.head import Standard, fitted, parts_of
from training.presentation.left_out import RATES, LeftOut
from training.presentation.network import WIDTHS, set_head, write_onnx
from training.presentation.reading import pool_parts, write_reading
from training.presentation.views import MARGIN

Known = dict[str, np.ndarray]
BOTH = tuple[LeftOut, LeftOut]  # photographs of sources with attacks, and of the others
TEXTURE, CLIP_PAD, FUSION = "1.1.0", "1.0.0", "1.0.0"  # versions: raise one whose model changes
TASK = {"task": "presentation_attack", "modality": "image", "licence": "Apache-2.0"}


@dataclass(frozen=True)
class Made:
    """`features`: the column of what it sees; `save(file, standard, weight)` its model."""

    features: str
    parts: Sequence[slice]
    fields: dict[str, Any]
    save: Callable[[Path, Standard, np.ndarray], None]


def texture(out: Path) -> Made:
    origin = (
        "EfficientNet-Lite0 (ImageNet weights, Apache-2.0), not tuned; a linear head over the"
        " means and spreads of four of its layers, fitted by training/presentation."
    )
    fields = {
        "name": "texture", "version": TEXTURE, "origin": origin, "fast": True,
        "input": {"name": "image", "size": SIZE, "mean": MEAN, "std": STD},
    }  # fmt: skip
    return Made("features", parts_of(WIDTHS), fields, partial(_save_network, out))


def clip_pad(clip: Path) -> Made:
    theirs = read_manifest(clip)
    with np.load(clip / theirs["tuned"]["file"]) as tuned:
        pooled = len(tuned["readout.weight"])
    read = {"name": theirs["name"], "version": theirs["version"]}
    origin = (
        f"A linear head over all that the readout of {read['name']} {read['version']} sees of a"
        " face (see there for the tower's origin), fitted by training/presentation."
    )
    fields = {
        "name": "clip-pad", "version": CLIP_PAD, "origin": origin, "reads": read,
        "input": {**theirs["input"], "name": "pools"},
    }  # fmt: skip
    return Made("pools", pool_parts(pooled), fields, write_reading)


def write(folder: Path, model: Made, known: Known, judged: BOTH, clip: Path) -> dict[str, Any]:
    """The model folder; its manifest's fields."""
    folder.mkdir(parents=True, exist_ok=True)
    model.save(folder / "model.onnx", *fitted(known, model.features, model.parts))
    fields = {
        **model.fields, **TASK, "kind": "detector", "crop": {"margin": MARGIN},
        **calibrated(judged[0]),
        "output": {"logit": "logit", "features": "features"},
        "head": {"weight": "head.weight", "bias": "head.bias"},
    }  # fmt: skip
    write_manifest(folder, fields)
    write_manifest(folder, fields | {"known_logit": known_logit(folder, clip)})
    _write_figures(folder, fields, judged)
    return fields


def known_logit(folder: Path, clip: Path) -> float:
    """What the service's self-test finds here."""
    from service.analysis.detectors.onnx import OnnxDetector
    from service.analysis.detectors.reading import ReadingDetector

    if "reads" not in read_manifest(folder):
        return round(OnnxDetector(folder, bpcer=0.05).pattern_logit(), 4)
    source = OnnxDetector(clip, bpcer=0.05)
    return round(ReadingDetector(folder, source, bpcer=0.05).pattern_logit(), 4)


def write_fusion(folder: Path, parts: Sequence[dict[str, Any]], judged: BOTH) -> None:
    """The mean of the detectors' log-odds, scaled and with thresholds."""
    folder.mkdir(exist_ok=True)
    scaled = calibrated(judged[0])
    scale = scaled.pop("calibration")
    names = " and ".join(f"{one['name']} {one['version']}" for one in parts)
    fields = {
        "name": "presentation", "version": FUSION, "kind": "fusion", **TASK,
        "origin": f"The mean of the calibrated log-odds of {names}, scaled.",
        "inputs": [
            {"name": one["name"], "version": one["version"], "weight": scale["slope"] / len(parts)}
            for one in parts
        ],
        "intercept": scale["intercept"], **scaled,
    }  # fmt: skip
    write_manifest(folder, fields)
    _write_figures(folder, fields, judged)


def log_odds(fields: dict[str, Any], logit: np.ndarray) -> np.ndarray:
    scale = fields["calibration"]
    return np.asarray(scale["slope"] * logit + scale["intercept"])


def calibrated(judged: LeftOut) -> dict[str, Any]:
    """Scale and thresholds for a source that the head has not seen."""
    weight = judged.weight * metrics.balanced(judged.attack, np.where(judged.attack, "a", "l"))
    slope, intercept = metrics.platt(judged.logit, judged.attack.astype(float), weight)
    lines = {rate: left_out.threshold(judged, rate) for rate in RATES}
    shown = {rate: float(metrics.sigmoid(slope * line + intercept)) for rate, line in lines.items()}
    points = [{"bpcer": rate, "threshold": round(value, 5)} for rate, value in shown.items()]
    scale = {"slope": round(slope, 5), "intercept": round(intercept, 5)}
    return {"calibration": scale, "operating_points": points, "default_bpcer": 0.05}


def _save_network(out: Path, file: Path, standard: Standard, weight: np.ndarray) -> None:
    write_onnx(file, standard)
    quantise(file, "image", pixels_for_ranges(out))
    head = {"head.weight": torch.from_numpy(weight)[None], "head.bias": torch.zeros(1)}
    set_head(file, head)


def _write_figures(folder: Path, fields: dict[str, Any], judged: BOTH) -> None:
    figures = left_out.report(*judged)
    (folder / "metrics.json").write_text(json.dumps(figures, indent=1) + "\n")
    write_card(folder, fields, figures)
