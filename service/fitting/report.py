"""The report of `facegate evaluate`, as a document and as tables."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from typing import Any

from service import __version__
from service.fitting import report_metrics
from service.fitting.dataset import Judging, Scored
from service.fitting.metrics import FEWEST, Figure
from service.runtime.console import note, print_table

RATES = (0.001, 0.01, 0.05, 0.1)  # BPCER at which APCER is reported
HEADLINES = {"auc": "AUC, pooled", "d_eer": "D-EER, pooled", "ece": "ECE", "brier": "Brier"}


def report_of(analyzer: Judging, scored: Scored) -> dict[str, Any]:
    """Everything that is reported, ready for JSON."""
    seen = scored.where(scored.has_score)
    p = seen.probability
    named = report_metrics.thresholds(p[~seen.fake], RATES)
    points: list[dict[str, float | None]] = [
        {"bpcer": None, "threshold": analyzer.policy.fusion.threshold}
    ]
    points += [{"bpcer": rate, "threshold": threshold} for rate, threshold in named.items()]
    return {
        "service": __version__,
        "models": [f"{model.name} {model.version}" for model in analyzer.models],
        "fingerprint": analyzer.fingerprint,
        "images": _counts(scored),
        "non_response": list(_non_response(scored)),
        **report_metrics.overall(p, seen),
        "auc_by_species": report_metrics.auc_by_species(p, seen),
        "operating_points": [report_metrics.at_point(p, seen, point) for point in points],
        "not_stated": [rate for rate in RATES if rate not in named],
    }


def print_report(report: dict[str, Any], of: str = "images") -> None:
    """Tables on standard output, remarks on standard error; of: what was judged."""
    print_table(("figure", "value (95 % interval)"), _headlines(report))
    print()
    points = report["operating_points"]
    columns = ("rate", "of", of, *map(_title, points))
    print_table(columns, _rates(points))
    print()
    silent = ("no answer", "of", of, "without", "why")
    print_table(silent, map(_silent, report["non_response"]))
    _remarks(report, of)


def shown(figure: Figure) -> str:
    """`0.123 (0.110-0.140)`; a dash where it cannot be computed."""
    if figure["value"] is None:
        return "-"
    if figure["low"] is None:
        return f"{figure['value']:.3f}"
    return f"{figure['value']:.3f} ({figure['low']:.3f}-{figure['high']:.3f})"


def _counts(scored: Scored) -> dict[str, int]:
    fake, has_score = scored.fake, scored.has_score
    return {
        "genuine": int((~fake).sum()),
        "genuine_judged": int((~fake & has_score).sum()),
        "attacks": int(fake.sum()),
        "attacks_judged": int((fake & has_score).sum()),
    }


def _non_response(scored: Scored) -> Iterator[dict[str, Any]]:
    """Of each source and species, how many images got no answer, and why."""
    kinds = dict.fromkeys(zip(scored.fake.tolist(), scored.source.tolist(), strict=True))
    for fake, source in kinds:
        mine = scored.where((scored.fake == fake) & (scored.source == source))
        codes = Counter(mine.code[~mine.has_score].tolist())
        yield {
            "label": "fake" if fake else "real",
            "source": source,
            "images": len(mine.fake),
            "without_answer": codes.total(),
            "codes": dict(codes),
        }


def _headlines(report: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield from ((title, shown(report[name])) for name, title in HEADLINES.items())
    for species, figure in report["auc_by_species"].items():
        yield f"AUC, {species}", shown(figure)


def _title(point: dict[str, Any]) -> str:
    name = "in force" if point["bpcer"] is None else f"at BPCER {point['bpcer']:.1%}"
    return f"{name}: {point['threshold']:.4f}"


def _rates(points: list[dict[str, Any]]) -> Iterator[tuple[object, ...]]:
    first = points[0]
    for rate, key in (("APCER", "apcer_by_species"), ("BPCER", "bpcer_by_source")):
        for name, entry in first[key].items():
            yield rate, name, entry["images"], *(shown(point[key][name]) for point in points)
        if rate == "APCER" and first["apcer_mean"] is not None:
            yield rate, "mean of species", None, *(f"{p['apcer_mean']:.3f}" for p in points)
            yield rate, "worst species", None, *(p["apcer_worst_species"] for p in points)
    yield "BPCER", "all genuine", None, *(shown(point["bpcer_pooled"]) for point in points)


def _silent(entry: dict[str, Any]) -> tuple[object, ...]:
    why = ", ".join(f"{code} {count}" for code, count in entry["codes"].items())
    return entry["label"], entry["source"], entry["images"], entry["without_answer"], why


def _remarks(report: dict[str, Any], of: str) -> None:
    note(f"Thresholds named by a BPCER were chosen on these very {of}; the one in force was not.")
    note(f"Where no error was seen among n {of}, the true rate may still be as high as 3/n.")
    for rate in report["not_stated"]:
        note(f"BPCER {rate:.1%} is left out: it takes {math.ceil(FEWEST / rate):,} genuine {of}.")
