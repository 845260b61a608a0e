"""Signatures of `facegate users ...`; `service.commands.users.command` does the work."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

users_app = typer.Typer(help="Users of the console.", no_args_is_help=True)
Role = Annotated[
    Literal["viewer", "analyst", "administrator"], typer.Option(help="What they may do.")
]
Name = Annotated[str, typer.Argument(metavar="NAME")]


@users_app.command()
def add(name: Name, role: Role = "viewer") -> None:
    """Add a user; the password is read twice from the terminal, or once from standard input."""
    from service.commands.users import command

    command.add(name, role)


@users_app.command("list")
def list_users(
    form: Annotated[Literal["table", "json"], typer.Option("--format")] = "table",
) -> None:
    """List all users with their roles."""
    from service.commands.users import command

    command.list_all(form)


@users_app.command()
def role(name: Name, role: Role) -> None:
    """Give a user another role."""
    from service.commands.users import command

    command.set_role(name, role)


@users_app.command()
def password(name: Name) -> None:
    """Give a user another password; every session of theirs ends."""
    from service.commands.users import command

    command.set_password(name)


@users_app.command()
def remove(name: Name) -> None:
    """Remove a user."""
    from service.commands.users import command

    command.remove(name)
