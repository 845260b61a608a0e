"""The outcome of one image, and the formats in which `facegate detect` writes it."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TextIO

from service.analysis.judgement import ANALYSIS, Analysis
from service.errors import FacegateError, StartupError
from service.runtime.console import print_table
from service.runtime.spreadsheet import harmless

Format = Literal["table", "json", "jsonl", "csv"]
FIELDS = (
    *("source", "decision", "score", "probability", "threshold", "bpcer", "faces", "reasons"),
    *("format", "width", "height", "sha256", "milliseconds", "code", "error"),
)
COLUMNS = ("source", "decision", "score", "reasons", "code", "error")


@dataclass(frozen=True)
class Outcome:
    """Either an analysis, or why there is none."""

    source: str
    analysis: Analysis | None = None
    error: FacegateError | None = None
    metadata: dict[str, Any] | None = None  # of an object in S3

    def row(self) -> dict[str, Any]:
        """Flat, with the keys `FIELDS`; None where it does not apply."""
        return dict.fromkeys(FIELDS) | {"source": self.source} | self._found() | self._failed()

    def document(self) -> dict[str, Any]:
        """The row with the whole analysis under `analysis`, and `s3_file_info` of an object."""
        whole = None if self.analysis is None else ANALYSIS.dump_python(self.analysis, mode="json")
        document = self.row() | {"analysis": whole}
        return document if self.metadata is None else document | {"s3_file_info": self.metadata}

    def _found(self) -> dict[str, Any]:
        found = self.analysis
        if found is None:
            return {}
        return {
            "decision": found.decision,
            "score": round(found.score, 6),
            "probability": round(found.probability, 6),
            "threshold": round(found.threshold, 6),
            "bpcer": found.bpcer,
            "faces": getattr(found, "faces_found", None),
            "reasons": [reason.value for reason in found.reasons],
            "format": found.facts.format,
            "width": getattr(found.facts, "width", None),
            "height": getattr(found.facts, "height", None),
            "sha256": found.sha256,
            "milliseconds": found.timings["total"],
        }

    def _failed(self) -> dict[str, Any]:
        if self.error is None:
            return {}
        return {"code": self.error.code, "error": self.error.sentence}


Write = Callable[[Outcome], None]


@contextmanager
def open_writer(form: Format, output: Path | None, *, append: bool = False) -> Iterator[Write]:
    """Outcomes go out one by one, so that an interrupted run leaves what it found.

    Raises StartupError when the output file cannot be written.
    """
    if output is None:
        with WRITERS[form](sys.stdout) as write:
            yield write
        return
    try:
        file = output.open("a" if append else "w", encoding="utf-8", newline="")
    except OSError as error:
        raise StartupError(
            f"The output file {output} cannot be written: {error.strerror}.",
            "Name another one with --output.",
        ) from None
    with file, WRITERS[form](file) as write:
        yield write


@contextmanager
def _table(file: TextIO) -> Iterator[Write]:
    rows: list[dict[str, Any]] = []
    try:
        yield lambda outcome: rows.append(outcome.row())
    finally:
        print_table(COLUMNS, ([_cell(row[name]) for name in COLUMNS] for row in rows), file)


@contextmanager
def _json(file: TextIO) -> Iterator[Write]:
    """An array, closed even when the run is interrupted."""
    separator = iter("[")

    def write(outcome: Outcome) -> None:
        file.write(next(separator, ",") + "\n" + json.dumps(outcome.document()))

    try:
        yield write
    finally:
        file.write(next(separator, "") + "\n]\n")


@contextmanager
def _jsonl(file: TextIO) -> Iterator[Write]:
    def write(outcome: Outcome) -> None:
        file.write(json.dumps(outcome.document()) + "\n")
        file.flush()

    yield write


@contextmanager
def _csv(file: TextIO) -> Iterator[Write]:
    writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
    writer.writeheader()

    def write(outcome: Outcome) -> None:
        writer.writerow({name: harmless(_cell(value)) for name, value in outcome.row().items()})

    yield write


def _cell(value: object) -> object:
    return " ".join(map(str, value)) if isinstance(value, list) else value


WRITERS = {"table": _table, "json": _json, "jsonl": _jsonl, "csv": _csv}
