"""`facegate detect`: judge images in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from service.analysis.analyzer import Analyzer
from service.commands.outcome import Format, Outcome, open_writer
from service.commands.sources import expand, label, read
from service.errors import FacegateError, StartupError
from service.runtime import usable_cores
from service.settings import Settings, load_settings

BONA_FIDE, DEEPFAKE, INCOMPLETE = 0, 1, 2


def detect(
    arguments: Sequence[str],
    form: Format | None,
    output: Path | None,
    *,
    explain: bool,
    recursive: bool,
) -> int:
    """Print one outcome a source; answers the exit code. Raises StartupError."""
    settings = load_settings()
    sources = expand(arguments, recursive=recursive)
    if not sources:
        raise StartupError("No JPEG or PNG file was found there.", "Try --recursive.")
    form = form or _form_of(output)
    if explain and form not in {"json", "jsonl"}:
        raise StartupError("A heat map needs room.", "Add --format json or --format jsonl.")
    analyzer = Analyzer.load(settings)
    worst = BONA_FIDE
    with open_writer(form, output) as write, _progress(len(sources)) as advance:
        for outcome in _judge_all(analyzer, settings, sources, explain):
            write(outcome)
            advance()
            worst = max(worst, _code(outcome))
    return worst


def _judge_all(
    analyzer: Analyzer, settings: Settings, sources: Sequence[str], explain: bool
) -> Iterator[Outcome]:
    """In the order of the sources, on all cores."""

    def judge(source: str) -> Outcome:
        try:
            data = read(source, settings.max_body_bytes)
            return Outcome(label(source), analysis=analyzer.analyze(data, explain=explain))
        except FacegateError as error:
            return Outcome(label(source), error=error)

    pool = ThreadPoolExecutor(usable_cores())
    try:
        yield from pool.map(judge, sources)
    finally:
        pool.shutdown(cancel_futures=True)  # so that Ctrl-C does not wait for the rest


def _code(outcome: Outcome) -> int:
    if outcome.analysis is None:
        return INCOMPLETE
    return DEEPFAKE if outcome.analysis.decision == "deepfake" else BONA_FIDE


def _form_of(output: Path | None) -> Format:
    forms: dict[str, Format] = {".json": "json", ".jsonl": "jsonl", ".csv": "csv"}
    return forms.get(output.suffix.lower(), "table") if output else "table"


@contextmanager
def _progress(total: int) -> Iterator[Callable[[], None]]:
    """A bar on standard error, for several images on a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("Judging"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    disable = total < 2 or not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=disable) as progress:
        task = progress.add_task("", total=total)
        yield lambda: progress.advance(task)
