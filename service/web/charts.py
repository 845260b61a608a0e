"""Geometry of the drawings, which templates write as SVG: no script, no style of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDE, HIGH = 600.0, 160.0


@dataclass(frozen=True)
class Bar:
    """One bar, or the upper part of one; `title` is what it says to who points at it."""

    x: float
    y: float
    width: float
    height: float
    title: str
    second: bool = False


@dataclass(frozen=True)
class Bars:
    """Bars side by side, labels below some of them, and what the highest stands for."""

    bars: tuple[Bar, ...]
    labels: tuple[tuple[float, str], ...]
    top: float


def stacked(
    lower: Sequence[float],
    upper: Sequence[float],
    names: Sequence[str],
    every: int = 1,
    top: float = 0,
) -> Bars:
    """Two quantities above each other for each name; a label for every so many."""
    top = max(top, *(a + b for a, b in zip(lower, upper, strict=True))) or 1
    step = WIDE / max(len(names), 1)
    bars: list[Bar] = []
    for n, (a, b, name) in enumerate(zip(lower, upper, names, strict=True)):
        x, width = round(n * step + 1, 1), round(step - 2, 1)
        low, high = HIGH * a / top, HIGH * b / top
        title = f"{name}: {a + b:g}"
        bars.append(Bar(x, round(HIGH - low, 1), width, round(low, 1), title))
        bars.append(Bar(x, round(HIGH - low - high, 1), width, round(high, 1), title, second=True))
    labels = tuple((round(n * step, 1), name) for n, name in enumerate(names) if n % every == 0)
    return Bars(tuple(bars), labels, top)


def path(points: Sequence[tuple[float, float]]) -> str:
    """An SVG path through points whose both coordinates are 0..1, y upwards."""
    spots = (f"{x * WIDE:.1f} {HIGH - y * HIGH:.1f}" for x, y in points)
    return "M" + " L".join(spots) if points else ""
