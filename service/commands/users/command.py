"""`facegate users add|list|role|password|remove`."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from service.accounts.people import People, Role
from service.audit.acts import note_act
from service.errors import StartupError
from service.runtime.console import moment, note, print_json, print_table
from service.settings import load_settings
from service.store import open_for_command


@contextmanager
def _people(*, made: bool = True) -> Iterator[People]:
    """Over the store of the settings; without `made`, a new one where there is none.

    Raises StartupError when it keeps no users, or is not there.
    """
    settings = load_settings()
    store = open_for_command(settings, made=made)
    try:
        if store.kind == "null":
            raise StartupError(
                "The store `null` keeps no users.", "Set FACEGATE_STORE to sqlite or mongo."
            )
        yield People(settings, store)
    finally:
        store.close()


def add(name: str, role: Role) -> None:
    """Add a user. Raises RequestError, UserExists, StartupError or StoreUnavailable."""
    with _people(made=False) as people:
        person = people.add(name, _password(), role)
    note_act(load_settings(), "user added", user=person.name, role=role)
    note(f"{person.name} may use the console as {role}.")


def list_all(form: str) -> None:
    """Everybody."""
    with _people() as people:
        rows = [(one.name, one.role, moment(one.created_at)) for one in people.all()]
    if form == "json":
        print_json([dict(zip(("name", "role", "since"), row, strict=True)) for row in rows])
        return
    print_table(("name", "role", "since"), rows)


def set_role(name: str, role: Role) -> None:
    """Another role, at once."""
    with _people() as people:
        person = people.set_role(name, role)
    note_act(load_settings(), "user's role changed", user=person.name, role=role)


def set_password(name: str) -> None:
    """Another password."""
    with _people() as people:
        person = people.set_password(name, _password())
    note_act(load_settings(), "user's password changed", user=person.name)


def remove(name: str) -> None:
    """Nobody of this name any more."""
    with _people() as people:
        person = people.remove(name)
    note_act(load_settings(), "user removed", user=person.name)


def _password() -> str:
    """From the terminal, where nobody can read it from the list of processes."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    first = getpass.getpass("Password: ")
    if first != getpass.getpass("Once more: "):
        raise StartupError("The two passwords differ.", "Try it again.")
    return first
