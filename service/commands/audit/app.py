"""Signatures of `facegate audit ...`; `service.commands.audit.command` does the work."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

audit_app = typer.Typer(
    help="The audit log: who asked what, and what was answered.", no_args_is_help=True
)


@audit_app.command()
def verify(
    file: Annotated[
        Path | None,
        typer.Argument(help="What `audit export` wrote. Default: the log of this service."),
    ] = None,
    key: Annotated[
        list[str] | None,
        typer.Option(help="A public key that is trusted, too (base64); repeat it."),
    ] = None,
    anchor: Annotated[
        Path | None, typer.Option(help="A checkpoint of `audit head` that was kept elsewhere.")
    ] = None,
) -> None:
    """Look for entries that were changed, removed, put in or moved. Exit code 1: there are some."""
    from service.commands.audit.command import verify as run

    raise typer.Exit(run(file, key or (), anchor))


@audit_app.command()
def export() -> None:
    """Print the whole log, one JSON line an entry or head."""
    from service.commands.audit.command import export as run

    run()


@audit_app.command()
def head() -> None:
    """Print the newest checkpoint, to be kept elsewhere as an anchor."""
    from service.commands.audit.command import head as run

    run()
