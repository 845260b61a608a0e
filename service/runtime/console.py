"""How sub-commands print: tables for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

UNBOUNDED = 10_000  # columns: in a file or a pipe nothing is wrapped


def print_json(value: Any) -> None:
    """Indented JSON on standard output."""
    print(json.dumps(value, indent=2))


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], file: TextIO | None = None
) -> None:
    """A table without lines; None is an empty cell."""
    file = file or sys.stdout
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text("" if cell is None else printable(str(cell))) for cell in row))
    Console(file=file, width=None if file.isatty() else UNBOUNDED).print(table)


def printable(text: str) -> str:
    """Without control characters: a file's name must not steer the terminal."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def moment(seconds: float | None) -> str | None:
    """`2027-01-01 00:00 UTC`."""
    return None if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"


def note(sentence: str) -> None:
    """A remark for people, beside the result: on standard error."""
    print(sentence, file=sys.stderr)
