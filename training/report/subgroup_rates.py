"""BPCER of the installed detectors by the age, sex and origin that UTKFace's labels name.

    python -m training.report.subgroup_rates --data DIR --groups FILE

DATA is as in training.data.dataset, FILE as training.fit.train writes it: rows of its test split
count. A group of UTKFace is a file name, which begins with AGE_SEX_ORIGIN: what its authors saw,
in place of skin tones, of which no photograph here has a label. Settings are the service's
own (FACEGATE_...). What is not judged is counted by itself and not in the BPCER.
"""

from __future__ import annotations

import argparse
import csv
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from service.analysis.image import Analyzer
from service.settings import load_settings
from training.data.dataset import LabelRow, read_images, read_labels
from training.report.card.wording import table
from training.report.evaluate import PEOPLE
from training.report.filter_rates import flagged, lines

SOURCE = "utkface"
NAME = re.compile(r"^(\d+)_([01])_([0-4])_")
DECADES = ((18, 29), (30, 44), (45, 59), (60, 120))  # who can open an account


def labels(row: LabelRow) -> list[str]:
    """The subgroups of a photograph; none where its name says nothing, or a child."""
    found = NAME.match(row.group)
    age = int(found[1]) if found else 0
    spans = [f"age {low} to {high}" for low, high in DECADES if low <= age <= high]
    if not found or not spans:
        return []
    fields = row.group.split("_")
    return [*(name for name, column, code in PEOPLE if fields[column] == code), *spans]


def held_out(data: Path, groups: Path) -> list[LabelRow]:
    """Genuine photographs of adults of the test split."""
    with groups.open(newline="") as file:
        test = {line["group"] for line in csv.DictReader(file) if line["split"] == "test"}
    rows = [row for row in read_labels(data) if row.source == SOURCE and row.label == "real"]
    return [row for row in rows if row.group in test and labels(row)]


def by_subgroup(rows: list[LabelRow], seen: np.ndarray) -> Iterator[list[str]]:
    """Subgroup, images judged, BPCER with its interval, not judged; `seen` as `flagged` says."""
    named = [labels(row) for row in rows]
    spans = [f"age {low} to {high}" for low, high in DECADES]
    people = np.array([row.group for row in rows])
    for name in ("all", *(name for name, _, _ in PEOPLE), *spans):
        mine = np.array([name in ("all", *one) for one in named])
        if mine.any():
            yield from lines({name: seen[mine]}, people[mine])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--groups", type=Path, required=True)
    args = parser.parse_args()
    analyzer, rows = Analyzer.load(load_settings()), held_out(args.data, args.groups)
    seen = np.full(len(rows), np.nan)
    for number, image in read_images(args.data, rows):
        seen[number] = flagged(analyzer, image)
    print(table(["adults", "judged", "BPCER", "not judged"], list(by_subgroup(rows, seen))))


if __name__ == "__main__":
    main()
