"""Signatures of the commands about signed answers; `service.commands.signing.command` does them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

signing_app = typer.Typer()
keys_app = typer.Typer(help="The keys that sign answers.", no_args_is_help=True)
signing_app.add_typer(keys_app, name="signing-keys")
FILE = Annotated[
    Path,
    typer.Argument(
        metavar="FILE", help="An answer of application/jose, or one with headers (`curl -i`)."
    ),
]


@signing_app.command("verify-answer")
def verify_answer(
    file: FILE,
    keys: Annotated[
        Path | None,
        typer.Option(help="A file of /.well-known/jwks.json. Default: this service's own keys."),
    ] = None,
    medium: Annotated[
        Path | None, typer.Option(help="The picture, video or recording that was sent.")
    ] = None,
) -> None:
    """Check a signed answer and print what it states. Exit code 1: it does not hold."""
    from service.commands.signing.command import verify_answer as run

    raise typer.Exit(run(file, keys, medium))


@keys_app.command("rotate")
def rotate() -> None:
    """Sign by a new key from now on; the old one stays published."""
    from service.commands.signing.command import rotate as run

    run()


@keys_app.command("show")
def show() -> None:
    """Print the public keys, as /.well-known/jwks.json does."""
    from service.commands.signing.command import show as run

    run()
