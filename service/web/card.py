"""The model card, readable: what was measured, on what, and how it trades errors."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.analysis.decision.rules import log_odds, sigmoid
from service.web.charts import path
from service.web.det import Curve, curve


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
    det: Curve | None
    few: str  # where there is none: an SVG path through the measured operating points
    spots: tuple[tuple[float, float, str], ...]


def measured(card: Mapping[str, Any], models: Path, bpcer: float) -> list[Measured]:
    """Of the fusion in force and of each detector that has figures."""
    found = [*_fusion(card, models), *((one, one.get("metrics")) for one in card["detectors"])]
    # Of a detector that somebody added, the figures may have another shape.
    known = [(about, metrics) for about, metrics in found if metrics and _complete(metrics)]
    return [
        _measured(about, metrics["test"], bpcer, _threshold(card, about))
        for about, metrics in known
    ]


def deciding(card: Mapping[str, Any], models: Path) -> Mapping[str, Any]:
    """The figures on the test data of what gives the probability: the trained fusion, or the only
    detector. Empty where there are none."""
    alone = [(one, one.get("metrics")) for one in card["detectors"]]
    found = _fusion(card, models) or (alone if len(alone) == 1 else [])
    test = found[0][1].get("test") if found and isinstance(found[0][1], dict) else None
    return test if isinstance(test, dict) else {}


def on_card(card: Mapping[str, Any]) -> Callable[[float], float]:
    """From a probability to that of the card, which knows nothing of an operator's calibration."""
    own = card.get("calibration")
    if not own:
        return lambda probability: probability
    return lambda probability: sigmoid((log_odds(probability) - own["intercept"]) / own["slope"])


def _fusion(card: Mapping[str, Any], models: Path) -> list[tuple[Mapping[str, Any], Any]]:
    about = card["fusion"].get("manifest")
    return [(about, _read(models / about["name"]))] if about else []


def _threshold(card: Mapping[str, Any], about: Mapping[str, Any]) -> float:
    """Of what decides the threshold in force, of one detector among several its own."""
    in_force: float = on_card(card)(card["operating_point"]["threshold"])
    if about is card["fusion"].get("manifest") or len(card["detectors"]) == 1:
        return in_force
    return float((about.get("operating_point") or card["operating_point"])["threshold"])


def _measured(
    about: Mapping[str, Any], test: Mapping[str, Any], bpcer: float, threshold: float
) -> Measured:
    points = test["operating_points"]
    point = min(points, key=lambda one: abs(one["bpcer"] - bpcer))
    known = sorted((one["bpcer_pooled"]["value"], one["apcer_mean"]) for one in points)
    return Measured(
        name=about["name"],
        version=about["version"],
        auc=_figure("AUC", test["auc"]),
        d_eer=_figure("D-EER", test["d_eer"]),
        bpcer=point["bpcer"],
        apcer_mean=point["apcer_mean"],
        species=_figures(point["apcer_by_species"]),
        sources=_figures(point["bpcer_by_source"]),
        det=curve(test, threshold),
        few=path([(0.0, 1.0), *known]) if known else "",
        spots=tuple((x, y, f"BPCER {x:.1%}, APCER {y:.1%}") for x, y in known),
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
