"""`facegate detect`: judge images in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from service.analysis.image import Analyzer
from service.cloud.sources import Read, expand, is_s3, label, read
from service.commands.detect.resume import settled
from service.errors import FacegateError, StartupError
from service.judging.outcome import Format, Outcome, open_writer
from service.runtime.machine import usable_cores
from service.runtime.prefetch import ahead
from service.settings import Settings, load_settings

BONA_FIDE, DEEPFAKE, INCOMPLETE = 0, 1, 2
READERS = 8  # threads that read ahead of the judgement, for which most of S3's time is waiting


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
    sources = expand(arguments, settings, recursive=recursive)
    if not sources:
        raise StartupError("No JPEG or PNG file was found there.", "Try --recursive.")
    form = form or _form_of(output)
    if explain and form not in {"json", "jsonl"}:
        raise StartupError("A heat map needs room.", "Add --format json or --format jsonl.")
    analyzer = Analyzer.load(settings)
    resumed = form == "jsonl" and output is not None and any(map(is_s3, sources))
    before = settled(output) if resumed and output else {}
    sources = [source for source in sources if label(source) not in before]
    worst = max((_code_of_row(row) for row in before.values()), default=BONA_FIDE)
    writer = open_writer(form, output, append=resumed)
    with writer as write, progress(len(before) + len(sources), len(before)) as advance:
        for outcome in judge_all(analyzer, settings, sources, explain):
            write(outcome)
            advance()
            worst = max(worst, _code(outcome))
    return worst


def judge_all(
    analyzer: Analyzer, settings: Settings, sources: Sequence[str], explain: bool = False
) -> Iterator[Outcome]:
    """In the order of the sources, on all cores; what comes next is read meanwhile."""

    def load(source: str) -> tuple[str, Read | FacegateError]:
        try:
            return label(source), read(source, settings)
        except FacegateError as error:
            return label(source), error

    def judge(loaded: tuple[str, Read | FacegateError]) -> Outcome:
        name, found = loaded
        if isinstance(found, FacegateError):
            return Outcome(name, error=found)
        try:
            analysis = analyzer.analyze(found.data, explain=explain)
        except FacegateError as error:
            return Outcome(name, error=error, metadata=found.metadata)
        return Outcome(name, analysis=analysis, metadata=found.metadata)

    cores = usable_cores()
    loads = ahead(load, sources, READERS, READERS + cores)
    yield from ahead(judge, loads, cores, 2 * cores)


def _code(outcome: Outcome) -> int:
    return _code_of_row(outcome.row())


def _code_of_row(row: dict[str, Any]) -> int:
    return {"bona_fide": BONA_FIDE, "deepfake": DEEPFAKE}.get(row["decision"], INCOMPLETE)


def _form_of(output: Path | None) -> Format:
    forms: dict[str, Format] = {".json": "json", ".jsonl": "jsonl", ".csv": "csv"}
    return forms.get(output.suffix.lower(), "table") if output else "table"


@contextmanager
def progress(total: int, done: int = 0) -> Iterator[Callable[[], None]]:
    """A bar on standard error, for several images on a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("Judging"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    disable = total < 2 or not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=disable) as bar:
        task = bar.add_task("", total=total, completed=done)
        yield lambda: bar.advance(task)
