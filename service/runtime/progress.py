"""A bar on the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


@contextmanager
def progress(total: int, done: int = 0) -> Iterator[Callable[[], None]]:
    """A bar on standard error, for several images on a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("Judging"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    disable = total < 2 or not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=disable) as bar:
        task = bar.add_task("", total=total, completed=done)
        yield lambda: bar.advance(task)
