"""Plots of an evaluation as PNG: DET curve, score histograms, APCER by JPEG quality, reliability.

    python -m training.report.plots --model service/models/NAME --out OUT

OUT is the folder of `training.report.evaluate`, whose scores.npz is read: of the last model
evaluated. The plots go to docs/ as NAME-det.png, NAME-scores.png, NAME-quality.png and
NAME-reliability.png.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from service.fitting.metrics import balanced
from training.report.card.wording import SPECIES
from training.report.curves import Evaluation, det_curve, rate_of, reliability_bins

DOCS = Path(__file__).parents[2] / "docs"
TICKS = (0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.95)
DPI = 100


def det(evaluation: Evaluation) -> Figure:
    """APCER against BPCER on normal-deviate axes, one curve a species."""
    p, test = evaluation.probability(evaluation.test), evaluation.test
    attacks = {_title(name): p[test.fake & (test.source == name)] for name in evaluation.species}
    figure, axes = det_axes(f"{evaluation.name}: DET curve, test split", p[~test.fake], attacks)
    axes.axvline(float(_deviate(np.array([evaluation.bpcer]))[0]), color="grey", linewidth=0.8)
    return figure


def det_axes(
    title: str, genuine: np.ndarray, attacks: Mapping[str, np.ndarray]
) -> tuple[Figure, Axes]:
    """A curve of each kind of attack against all genuine scores."""
    figure, axes = _axes("BPCER", "APCER", title)
    for name, scores in attacks.items():
        alarms, missed = det_curve(genuine, scores)
        axes.plot(_deviate(alarms), _deviate(missed), label=f"{name}, n={len(scores):,}")
    ticks, names = _deviate(np.array(TICKS)), [f"{tick * 100:g} %" for tick in TICKS]
    axes.set_xticks(ticks, names, rotation=45)
    axes.set_yticks(ticks, names)
    axes.set_xlim(ticks[0], ticks[-2])
    axes.set_ylim(ticks[1], ticks[-1])
    axes.axline((0, 0), slope=1, color="grey", linewidth=0.8, linestyle=":")
    axes.legend(loc="upper left", bbox_to_anchor=(1.02, 1.0))  # beside the curves, not over them
    return figure, axes


def histograms(evaluation: Evaluation) -> Figure:
    """Scores of all genuine faces, and of each species below them, on one scale."""
    rows = list(_rows(evaluation))
    figure = Figure(figsize=(7, 1.4 * len(rows) + 0.8), layout="constrained")
    grid = np.atleast_1d(figure.subplots(len(rows), 1, sharex=True))
    for axes, (title, scores, colour) in zip(grid, rows, strict=True):
        axes.hist(scores, bins=40, range=(0, 1), weights=np.full(len(scores), 1 / len(scores)),
                  color=colour)  # fmt: skip
        axes.axvline(evaluation.threshold, color="black", linewidth=0.8)
        axes.set_title(f"{title}, n={len(scores):,}", loc="left", fontsize=9)
        axes.set_ylabel("share")
    axes.set_xlabel(f"calibrated probability; line: threshold for BPCER {evaluation.bpcer:.0%}")
    figure.suptitle(f"{evaluation.name}: scores, test split", fontsize=11)
    return figure


def _rows(evaluation: Evaluation) -> Iterator[tuple[str, np.ndarray, str]]:
    p, test = evaluation.probability(evaluation.test), evaluation.test
    for name in np.unique(test.source[~test.fake]):
        yield f"genuine: {name}", p[~test.fake & (test.source == name)], "tab:blue"
    for name in evaluation.species:
        yield _title(name), p[test.fake & (test.source == name)], "tab:red"


def by_quality(evaluation: Evaluation) -> Figure:
    """APCER of each species, and BPCER, against the JPEG quality of the photograph."""
    title = f"{evaluation.name}: JPEG quality, at the threshold for BPCER {evaluation.bpcer:.0%}"
    figure, axes = _axes("JPEG quality", "error rate (95 % interval)", title)
    for name in evaluation.species:
        points = {q: rate_of(evaluation, s, name) for q, s in evaluation.qualities.items()}
        _bars(axes, points, f"APCER, {_title(name)}", "-")
    points = {q: rate_of(evaluation, s, None) for q, s in evaluation.qualities.items()}
    _bars(axes, points, "BPCER, all genuine", "--")
    axes.set_ylim(0, 1)
    axes.legend()
    return figure


def _bars(axes: Axes, points: dict[int, dict[str, Any]], label: str, style: str) -> None:
    known = {q: point for q, point in points.items() if point["value"] is not None}
    values = np.array([point["value"] for point in known.values()])
    ends = np.array([(point["low"], point["high"]) for point in known.values()]).reshape(-1, 2)
    spread = np.abs(ends - values[:, None]).T
    axes.errorbar(list(known), values, yerr=spread, label=label, linestyle=style, capsize=3)


def reliability(evaluation: Evaluation) -> Figure:
    """Share of attacks against the probability said; classes and sources count the same."""
    figure, axes = _axes(
        "calibrated probability", "share of attacks", f"{evaluation.name}: reliability, test split"
    )
    test = evaluation.test
    weights = balanced(test.fake, test.source)
    said, found, share = reliability_bins(evaluation.probability(test), test.fake, weights)
    axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8, linestyle=":")
    axes.plot(said, found, marker="o", label="classes, and sources within a class, alike")
    axes.bar(said, share, width=0.05, alpha=0.3, label="share of the images")
    axes.legend()
    return figure


def _axes(x: str, y: str, title: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(9, 5), layout="constrained")
    axes = figure.subplots()
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.set_title(title, fontsize=11)
    axes.grid(alpha=0.3)
    return figure, axes


def _deviate(rates: np.ndarray) -> np.ndarray:
    """Quantiles of the normal distribution; rates of 0 and 1 lie beyond any axis."""
    normal = NormalDist()
    return np.array([normal.inv_cdf(min(max(float(rate), 1e-6), 1 - 1e-6)) for rate in rates])


def _title(species: str) -> str:
    return SPECIES.get(species, species)


PLOTS = {"det": det, "scores": histograms, "quality": by_quality, "reliability": reliability}


def write_plots(model: Path, out: Path, docs: Path) -> list[Path]:
    """Draw all of them; returns the files."""
    evaluation, written = Evaluation(model, out), []
    for kind, plot in PLOTS.items():
        path = docs / f"{model.name}-{kind}.png"
        # Without the software's version in it: the same scores give the same file.
        plot(evaluation).savefig(path, dpi=DPI, metadata={"Software": None})
        written.append(path)
    return written


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument(
        "--out", type=Path, required=True, help="folder of training.report.evaluate"
    )
    parser.add_argument("--docs", type=Path, default=DOCS, help="where the plots go")
    args = parser.parse_args()
    try:
        written = write_plots(args.model, args.out, args.docs)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    print(f"written: {', '.join(map(str, written))}")


if __name__ == "__main__":
    main()
