"""The model card, readable: what was measured, on what, and how it trades errors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.web.charts import path


@dataclass(frozen=True)
class Figure:
    """A measured share with its 95 % interval, and of how many images."""

    name: str
    value: float
    low: float
    high: float
    images: int | None


@dataclass(frozen=True)
class Measured:
    """The figures of one model or fusion at the operating point next to the one in force."""

    name: str
    version: str
    auc: Figure
    d_eer: Figure
    bpcer: float
    apcer_mean: float
    species: tuple[Figure, ...]
    sources: tuple[Figure, ...]
    det: str  # an SVG path through the measured operating points
    spots: tuple[tuple[float, float, str], ...]


def measured(card: Mapping[str, Any], models: Path, bpcer: float) -> list[Measured]:
    """Of the fusion in force and of each detector that has figures."""
    fusion = (card["fusion"].get("manifest") or {}).get("name")
    found = [(card["fusion"]["manifest"], _read(models / fusion))] if fusion else []
    found += [(one, one.get("metrics")) for one in card["detectors"]]
    # Of a detector that somebody added, the figures may have another shape.
    known = [(about, metrics) for about, metrics in found if metrics and _complete(metrics)]
    return [_measured(about, metrics["test"], bpcer) for about, metrics in known]


def _measured(about: Mapping[str, Any], test: Mapping[str, Any], bpcer: float) -> Measured:
    points = test["operating_points"]
    point = min(points, key=lambda one: abs(one["bpcer"] - bpcer))
    curve = sorted((one["bpcer_pooled"]["value"], one["apcer_mean"]) for one in points)
    return Measured(
        name=about["name"],
        version=about["version"],
        auc=_figure("AUC", test["auc"]),
        d_eer=_figure("D-EER", test["d_eer"]),
        bpcer=point["bpcer"],
        apcer_mean=point["apcer_mean"],
        species=_figures(point["apcer_by_species"]),
        sources=_figures(point["bpcer_by_source"]),
        det=path([(0.0, 1.0), *curve]) if curve else "",
        spots=tuple((x, y, f"BPCER {x:.1%}, APCER {y:.1%}") for x, y in curve),
    )


def _complete(metrics: Mapping[str, Any]) -> bool:
    test = metrics.get("test")
    return isinstance(test, dict) and {"auc", "d_eer", "operating_points"} <= test.keys()


def _figures(found: Mapping[str, Mapping[str, Any]]) -> tuple[Figure, ...]:
    return tuple(_figure(name, one) for name, one in sorted(found.items()))


def _figure(name: str, one: Mapping[str, Any]) -> Figure:
    low, high = one.get("low"), one.get("high")
    value = one["value"] or 0.0
    low, high = (value if low is None else low), (value if high is None else high)
    return Figure(name, value, low, high, one.get("images"))


def _read(folder: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads((folder / "metrics.json").read_text())
    except (OSError, ValueError):
        return None
    return found
