"""`facegate evaluate`: measure the models in force on labelled images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from service.errors import StartupError
from service.fitting.contents import NAMES, kind_in, note_left_out
from service.fitting.dataset import labelled, loaded, score
from service.fitting.report import print_report, report_of
from service.repository.manifest import DEEPFAKE, Task
from service.runtime.console import print_json
from service.settings import load_settings


def evaluate(folder: Path, form: str, output: Path | None, task: Task = DEEPFAKE) -> None:
    """Print the report, and write it as JSON. Raises StartupError when there is nothing to say."""
    settings = load_settings()
    images, of = labelled(folder), NAMES[kind_in(folder)]
    note_left_out(folder)
    if output is not None:
        _writable(output)  # said before minutes of work, not after them
    analyzer = loaded(folder, settings, task=task)
    scored = score(analyzer, settings, images)
    if not scored.has_score.any():
        raise StartupError(
            f"None of these {of} could be judged.",
            f"`facegate detect` says why, {of[:-1]} by {of[:-1]}.",
        )
    report = report_of(analyzer, scored)
    if output is not None:
        output.write_text(json.dumps(report, indent=2) + "\n")
    _print(form, report, of)


def _print(form: str, report: dict[str, Any], of: str) -> None:
    if form == "json":
        print_json(report)
    else:
        print_report(report, of)


def _writable(output: Path) -> None:
    try:
        output.open("a").close()
    except OSError as error:
        raise StartupError(
            f"The output file {output} cannot be written: {error.strerror}.",
            "Name another one with --output.",
        ) from None
