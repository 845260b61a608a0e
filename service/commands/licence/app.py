"""Signatures of `facegate licence ...`; `service.commands.licence.command` does the work."""

# ruff: noqa: PLR0913, PLR0917 (every option is an argument)
from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

licence_app = typer.Typer(
    help="Licences of customers: issue, list, revoke; sign and verify licence files.",
    no_args_is_help=True,
)
Expires = Annotated[
    str | None,
    typer.Option(
        metavar="DATE", help="When it ends: 2027-01-01, or with time; UTC. Default: never."
    ),
]
Days = Annotated[int | None, typer.Option(min=1, help="When it ends, in days from now.")]
PerDay = Annotated[int | None, typer.Option(min=1, help="Images a day (UTC). Default: no limit.")]
PerMonth = Annotated[int | None, typer.Option(min=1, help="Images a calendar month (UTC).")]
Features = Annotated[
    list[str] | None,
    typer.Option("--feature", help="detect, explain, batch or history; repeat it. Default: all."),
]
File = Annotated[Path, typer.Argument(metavar="FILE", help="A signed licence file.")]


@licence_app.command()
def issue(
    name: str,
    expires: Expires = None,
    days: Days = None,
    per_day: PerDay = None,
    per_month: PerMonth = None,
    feature: Features = None,
) -> None:
    """Issue a licence and print its hash_id, which is shown this once."""
    from service.commands.licence import command

    command.issue(command.terms(name, expires, days, per_day, per_month, feature))


@licence_app.command("list")
def list_licences(
    form: Annotated[Literal["table", "json"], typer.Option("--format")] = "table",
) -> None:
    """List all licences with their use. No hash_id: only digests are kept."""
    from service.commands.licence import command

    command.list_all(form)


@licence_app.command()
def revoke(
    who: Annotated[str, typer.Argument(help="Name, start of the digest, or - (hash_id on stdin).")],
) -> None:
    """Refuse a licence from now on."""
    from service.commands.licence import command

    command.revoke(who)


@licence_app.command("import")
def import_file(file: File) -> None:
    """Verify a signed licence file and keep its licence in the store."""
    from service.commands.licence import files

    files.import_file(file)


@licence_app.command()
def export(
    private_key: Annotated[Path, typer.Option(help="The vendor's private key (PEM).")],
    output: Annotated[Path, typer.Option(help="The licence file to write.")],
    name: Annotated[
        str | None, typer.Argument(help="Whom it is for. Default: as in the store.")
    ] = None,
    hash_id: Annotated[
        str | None, typer.Option(help="Sign for this one; - reads stdin. Default: a new one.")
    ] = None,
    expires: Expires = None,
    days: Days = None,
    per_day: PerDay = None,
    per_month: PerMonth = None,
    feature: Features = None,
) -> None:
    """Write a signed licence file.

    With a hash_id and without a name, the terms are those of its licence in the store. Without a
    hash_id a new one is made and shown this once. Nothing is written to the store.
    """
    from service.commands.licence import command, files

    terms = command.terms(name, expires, days, per_day, per_month, feature) if name else None
    files.export(output, private_key, terms, hash_id)


@licence_app.command()
def verify(file: File) -> None:
    """Verify a signed licence file. Exit code 1 when it is not honoured."""
    from service.commands.licence import files

    raise typer.Exit(files.verify_file(file))


@licence_app.command("reset-clock")
def reset_clock() -> None:
    """Forget a later time that the store has seen, after a clock that was ahead."""
    from service.commands.licence.command import reset_clock

    reset_clock()


@licence_app.command()
def keygen(
    stem: Annotated[Path, typer.Argument(help="Writes STEM.key and STEM.pub.")] = Path("vendor"),
) -> None:
    """Make the vendor's pair of keys for signing licence files."""
    from service.commands.licence import files

    files.keygen(stem)
