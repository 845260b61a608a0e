"""Signatures of the commands that measure the models on images of one's own."""

# ruff: noqa: PLR0913, PLR0917 (every option is an argument)
from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

measure_app = typer.Typer()
LabelledFolder = Annotated[
    Path | None, typer.Argument(metavar="DIR", help="Holds real/ and fake/.")
]
TaskName = Annotated[
    Literal["deepfake", "presentation_attack"],
    typer.Option(help="Of which detectors; fake/ holds attacks of that kind."),
]
Reviewed = Annotated[
    str | None,
    typer.Option(
        metavar="DATE", help="Instead of DIR: all that was reviewed in the console since."
    ),
]


@measure_app.command()
def evaluate(
    folder: LabelledFolder = None,
    output: Annotated[Path | None, typer.Option(help="Write the report there as JSON.")] = None,
    form: Annotated[
        Literal["table", "json"], typer.Option("--format", help="How to print it.")
    ] = "table",
    task: TaskName = "deepfake",
    reviewed_since: Reviewed = None,
) -> None:
    """Report the error rates of the models in force on images of which you know the truth.

    Sub-folders of fake/ are attack species, those of real/ are sources; folders below these join
    images of one person or one video. Terms are those of ISO/IEC 30107-3.
    """
    from service.commands.fit.evaluate import evaluate as run
    from service.fitting.reviewed import folder_of

    with folder_of(folder, reviewed_since) as images:
        run(images, form, output, task)


@measure_app.command()
def calibrate(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="DIR", help="Genuine images, or real/ and fake/."),
    ] = None,
    bpcer: Annotated[
        float | None,
        typer.Option(min=0.0001, max=0.5, help="Share of genuine images that may be refused."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a calibration.")] = False,
    remove: Annotated[
        bool, typer.Option("--remove", help="Go back to the models' own threshold.")
    ] = False,
    task: TaskName = "deepfake",
    reviewed_since: Reviewed = None,
) -> None:
    """Fit the threshold to your own genuine images; with fake/, fit the probabilities as well.

    Writes calibration.json into the data folder; the models are not touched. It counts from the
    next start of the service, as long as the same models are in force.
    """
    from service.commands.fit import calibrate as run
    from service.fitting.reviewed import folder_of

    _either(folder or reviewed_since, remove)
    if remove:
        run.remove(task)
        return
    with folder_of(folder, reviewed_since) as images:
        run.calibrate(images, bpcer, force=force, task=task)


@measure_app.command()
def train(
    folder: LabelledFolder = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only report; write nothing.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Write the new heads even if they are not better.")
    ] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Go back to the shipped heads.")] = False,
    task: TaskName = "deepfake",
    reviewed_since: Reviewed = None,
) -> None:
    """Fit other heads of the models to your own images; keep them if they are better.

    Three tenths of the images are held out, to judge the new heads and to fit threshold and
    probabilities by. Sub-folders of fake/ are attack species, those of real/ are sources; folders
    of one name below these hold the images of one person, and are never parted. The models are not
    touched; new heads count from the next start of the service.

    Exit code 1: the new heads are not better than the shipped ones, so nothing was written.
    """
    from service.commands.fit import train as run
    from service.fitting.reviewed import folder_of

    _either(folder or reviewed_since, remove)
    if remove:
        run.remove(task)
        return
    with folder_of(folder, reviewed_since) as images:
        code = run.train(images, dry_run=dry_run, force=force, task=task)
    raise typer.Exit(code)


def _either(images: object, remove: bool) -> None:
    if remove == bool(images):
        raise typer.BadParameter("Name a folder, or --remove.", param_hint="DIR")
