"""A bar on the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Advance = Callable[..., None]  # how many more are done, 1 unless said


@contextmanager
def progress(total: int, done: int = 0, *, slow: bool = False) -> Iterator[Advance]:
    """A bar on standard error, for several media on a terminal, or for one that takes its time.

    What it gives is called with how many more are done, parts of one included; 1 unless said.
    """
    console = Console(stderr=True)
    columns = (TextColumn("Judging"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    disable = (total < 2 and not slow) or not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=disable) as bar:
        task = bar.add_task("", total=total, completed=done)
        yield lambda more=1.0: bar.advance(task, more)
