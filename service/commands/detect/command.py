"""`facegate detect`: judge images in this process."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from service.cloud.bulk import judge_all
from service.cloud.sources import expand, is_s3, label
from service.commands.detect.resume import settled
from service.errors import StartupError
from service.judging.judge import Judge
from service.judging.outcome import Format, Outcome, open_writer
from service.media.kinds import kind_by_name
from service.runtime.progress import progress
from service.settings import load_settings

BONA_FIDE, DEEPFAKE, INCOMPLETE = 0, 1, 2


def detect(
    arguments: Sequence[str],
    form: Format | None,
    output: Path | None,
    *,
    explain: bool,
    recursive: bool,
) -> int:
    """Print one outcome a source; returns the exit code. Raises StartupError."""
    settings, form = load_settings(), form or _form_of(output)
    sources = expand(arguments, settings, recursive=recursive)
    _check(sources, form, explain=explain)
    judge = Judge.load(settings)
    resumed = form == "jsonl" and output is not None and any(map(is_s3, sources))
    before = settled(output) if resumed and output else {}
    sources = [source for source in sources if label(source) not in before]
    worst = max((_code_of_row(row) for row in before.values()), default=BONA_FIDE)
    writer = open_writer(form, output, append=resumed)
    slow = any(kind_by_name(source) in ("video", "audio") for source in sources)
    bar = progress(len(before) + len(sources), len(before), slow=slow)
    with writer as write, bar as advance:
        for outcome in judge_all(judge, settings, sources, explain, advance):
            write(outcome)
            worst = max(worst, _code(outcome))
    return worst


def _check(sources: Sequence[str], form: Format, *, explain: bool) -> None:
    """Raises StartupError."""
    if not sources:
        raise StartupError("No image file was found there.", "Try --recursive.")
    if explain and form not in {"json", "jsonl"}:
        raise StartupError("A heat map needs room.", "Add --format json or --format jsonl.")


def _code(outcome: Outcome) -> int:
    return _code_of_row(outcome.row())


def _code_of_row(row: dict[str, Any]) -> int:
    if row["decision"] is None:
        return INCOMPLETE
    return BONA_FIDE if row["decision"] == "bona_fide" else DEEPFAKE


def _form_of(output: Path | None) -> Format:
    forms: dict[str, Format] = {".json": "json", ".jsonl": "jsonl", ".csv": "csv"}
    return forms.get(output.suffix.lower(), "table") if output else "table"
