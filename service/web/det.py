"""The DET curve of a model card: APCER over BPCER, on axes of normal deviates."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

SIDE = 320.0  # of the square that it is drawn in
LEAST, MOST = 0.001, 0.99  # of either rate; beyond them the curve lies on the edge
TICKS = (0.001, 0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99)
COLUMNS = ("threshold", "bpcer", "apcer")
NORMAL = NormalDist()
Rows = Sequence[tuple[float, float, float]]


@dataclass(frozen=True)
class Spot:
    """A threshold on the curve, and where it is drawn."""

    threshold: float
    bpcer: float
    apcer: float
    x: float
    y: float


@dataclass(frozen=True)
class Curve:
    """`line`: an SVG path; `here`: the threshold in force; `spots`: those that the card names."""

    line: str
    here: Spot
    spots: tuple[Spot, ...]
    thresholds: int


def curve(test: Mapping[str, Any], in_force: float) -> Curve | None:
    """None where the card holds no whole curve."""
    rows = _rows(test.get("det"))
    if len(rows) < 2:
        return None
    drawn = [_spot(*row) for row in rows]
    named = [one["threshold"] for one in test["operating_points"]]
    return Curve(
        line="M" + " L".join(f"{one.x} {one.y}" for one in drawn),
        here=_at(rows, in_force),
        spots=tuple(_at(rows, one) for one in named),
        thresholds=len(rows),
    )


def ticks() -> list[tuple[float, str]]:
    """Where the axes have a line, from the corner on, and its name."""
    return [(place(one), f"{one:.1%}" if one < 0.01 else f"{one:.0%}") for one in TICKS]


def place(rate: float) -> float:
    """How far from the corner a rate lies."""
    low, high = NORMAL.inv_cdf(LEAST), NORMAL.inv_cdf(MOST)
    value = NORMAL.inv_cdf(min(max(rate, LEAST), MOST))
    return round(SIDE * (value - low) / (high - low), 1)


def _rows(given: object) -> Rows:
    """By rising threshold; none where it is anything but three columns of numbers."""
    if not isinstance(given, dict):
        return ()
    columns = [given.get(name) for name in COLUMNS]
    if not all(isinstance(one, list) and len(one) == len(columns[0] or ()) for one in columns):
        return ()
    try:
        return [(float(a), float(b), float(c)) for a, b, c in zip(*columns, strict=True)]
    except (TypeError, ValueError):
        return ()


def _at(rows: Rows, threshold: float) -> Spot:
    """Between two thresholds that are known the rates lie between theirs."""
    after = min(max(bisect_left(rows, (threshold,)), 1), len(rows) - 1)
    (low, *before), (high, *then) = rows[after - 1], rows[after]
    share = min(max((threshold - low) / (high - low), 0.0), 1.0) if high > low else 1.0
    bpcer, apcer = (a + (b - a) * share for a, b in zip(before, then, strict=True))
    return _spot(threshold, bpcer, apcer)


def _spot(threshold: float, bpcer: float, apcer: float) -> Spot:
    return Spot(threshold, bpcer, apcer, place(bpcer), SIDE - place(apcer))
