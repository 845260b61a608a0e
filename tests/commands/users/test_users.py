"""`facegate users add|list|role|password|remove`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from service.accounts import People
from service.errors import WrongPassword
from service.settings import Settings
from service.store.sqlite.store import SqliteStore
from tests.commands.conftest import Run

SECRET, HERE = "correct horse", "192.0.2.1"


def people(tmp_path: Path) -> People:
    """What a worker on the same data folder sees."""
    settings = Settings(data_dir=tmp_path / "data", store="sqlite")
    return People(settings, SqliteStore(tmp_path / "data" / "facegate.db"))


def test_from_the_first_administrator_to_the_last(facegate: Run, tmp_path: Path) -> None:
    added = facegate("users", "add", "Ada", "--role", "administrator", stdin=f"{SECRET}\n")
    assert (added.returncode, added.stdout) == (0, "")
    assert SECRET not in added.stderr
    facegate("users", "add", "bob", stdin=f"{SECRET}\n")
    listed = json.loads(facegate("users", "list", "--format", "json").stdout)
    assert {one["name"]: one["role"] for one in listed} == {"ada": "administrator", "bob": "viewer"}
    assert "ada" in facegate("users", "list").stdout
    facegate("users", "role", "bob", "--role", "analyst")
    assert people(tmp_path).login("bob", SECRET, HERE)[1].person.role == "analyst"
    facegate("users", "password", "bob", stdin="another horse\n")
    with pytest.raises(WrongPassword):
        people(tmp_path).login("bob", SECRET, HERE)
    facegate("users", "remove", "bob")
    last = facegate("users", "remove", "ada")
    assert (last.returncode, "last administrator" in last.stderr) == (3, True)


@pytest.mark.parametrize(
    ("arguments", "stdin", "sentence"),
    [
        (("add", "a b"), SECRET, "username"),
        (("add", "ada"), "12345678", "password"),
        (("remove", "nobody"), "", "There is no user of this name."),
    ],
)
def test_what_cannot_be_done_is_told_in_a_sentence(
    facegate: Run, arguments: tuple[str, ...], stdin: str, sentence: str
) -> None:
    facegate("users", "add", "eve", stdin=f"{SECRET}\n")
    ran = facegate("users", *arguments, stdin=f"{stdin}\n")
    assert (ran.returncode, sentence in ran.stderr) == (3, True)


def test_without_a_store_there_are_no_users(facegate: Run) -> None:
    ran = facegate("users", "list", store="null")
    assert (ran.returncode, "keeps no users" in ran.stderr) == (3, True)


def test_it_is_an_act_of_the_audit_log(facegate: Run) -> None:
    facegate("users", "add", "ada", stdin=f"{SECRET}\n", audit="best-effort")
    export = facegate("audit", "export", audit="best-effort").stdout
    assert "user added" in export
    assert SECRET not in export
