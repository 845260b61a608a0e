"""BPCER of the installed detectors on genuine faces as they are and after each filter.

    python -m training.report.filter_rates --data DIR [--most 100] [--source NAME ...]

DATA is as in training.data.dataset; only rows labelled real count, `--most` of each. Settings are
the service's own (FACEGATE_...). All images are saved as JPEG 95, so that only the filter differs.
A face that is refused, or not found, is counted by itself and not in the BPCER.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np

from service.analysis.image import Analyzer
from service.errors import CannotJudge
from service.fitting.metrics import interval
from service.settings import load_settings
from training.data.dataset import LabelRow, read_images, read_labels
from training.report.card.wording import rate, table
from training.report.filters import FILTERS, Filter

AS_IS = "as they are"


def genuine(data: Path, most: int, sources: Iterable[str]) -> list[LabelRow]:
    """`most` genuine rows of each source, always the same; of all sources if none is named."""
    rng, by_source = np.random.default_rng(1), dict[str, list[LabelRow]]()
    for row in read_labels(data):
        if row.label == "real" and (not sources or row.source in sources):
            by_source.setdefault(row.source, []).append(row)
    return [rows[i] for rows in by_source.values() for i in rng.permutation(len(rows))[:most]]


def flagged(analyzer: Analyzer, image: np.ndarray) -> float:
    """1 if the face is called a deepfake, 0 if not, NaN if it is not judged."""
    try:
        return float(analyzer.analyze(_jpeg(image)).decision == "deepfake")
    except CannotJudge:
        return float("nan")


def _jpeg(image: np.ndarray) -> bytes:
    _, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])
    return data.tobytes()


def measure(
    analyzer: Analyzer, images: Iterable[tuple[int, np.ndarray]], count: int
) -> dict[str, np.ndarray]:
    """`flagged` of each image, by filter."""
    filters: dict[str, Filter] = {AS_IS: lambda image: image, **FILTERS}
    seen = {name: np.full(count, np.nan) for name in filters}
    for number, image in images:
        for name, change in filters.items():
            seen[name][number] = flagged(analyzer, change(image))
    return seen


def lines(seen: dict[str, np.ndarray], groups: np.ndarray) -> Iterator[list[str]]:
    """Filter, images judged, BPCER with its interval over groups, not judged."""
    for name, values in seen.items():
        judged = np.isfinite(values)
        figure = interval(lambda rows, v=values[judged]: _mean(v[rows]), groups[judged])
        yield [name, str(judged.sum()), rate(figure), str((~judged).sum())]


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--most", type=int, default=100)
    parser.add_argument("--source", action="append", default=[])
    args = parser.parse_args()
    analyzer = Analyzer.load(load_settings())
    rows = genuine(args.data, args.most, args.source)
    seen = measure(analyzer, read_images(args.data, rows), len(rows))
    groups = np.array([f"{row.source}/{row.group}" for row in rows])
    print(f"Threshold {analyzer.policy.fusion.threshold:.4f}, {analyzer.policy.fusion.name}\n")
    print(table(["filter", "judged", "BPCER", "not judged"], list(lines(seen, groups))))


if __name__ == "__main__":
    main()
