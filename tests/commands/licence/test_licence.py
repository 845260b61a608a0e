"""`facegate licence issue|list|revoke`."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from threading import Timer
from typing import Any

import pytest

from service.errors import LicenceRevoked
from service.licensing import Licensing
from service.settings import Settings
from service.store.sqlite.store import SqliteStore
from tests.commands.conftest import Run
from tests.servers import MongoServer


@pytest.fixture
def issue(facegate: Run) -> Any:
    """`issue("Bank", "--days", 3)` answers the hash_id."""

    def issue(*arguments: object, **settings: Any) -> str:
        ran = facegate("licence", "issue", *arguments, **settings)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout.removeprefix("hash_id: ").strip()

    return issue


def listed(facegate: Run, **settings: Any) -> list[dict[str, Any]]:
    ran = facegate("licence", "list", "--format", "json", **settings)
    return json.loads(ran.stdout)  # type: ignore[no-any-return]


def service(tmp_path: Path) -> Licensing:
    """What a worker on the same data folder would do."""
    settings = Settings(data_dir=tmp_path / "data", store="sqlite")
    return Licensing(settings, SqliteStore(tmp_path / "data" / "facegate.db"))


def test_an_issued_hash_id_lets_in(issue: Any, tmp_path: Path) -> None:
    hash_id = issue("Bank of Examples")
    assert re.fullmatch(r"fg_[\w-]{43}", hash_id)
    assert service(tmp_path).authorise(hash_id).licence.name == "Bank of Examples"


def test_the_hash_id_is_shown_once_and_kept_nowhere(
    facegate: Run, issue: Any, tmp_path: Path
) -> None:
    hash_id = issue("Bank")
    for form in ("table", "json"):
        assert hash_id not in facegate("licence", "list", "--format", form).stdout
    files = [path for path in (tmp_path / "data").rglob("*") if path.is_file()]
    assert files
    assert not any(hash_id.encode() in path.read_bytes() for path in files)


def test_the_options_are_the_terms(facegate: Run, issue: Any) -> None:
    issue(
        *("Bank", "--expires", "2097-01-01", "--per-day", 5, "--per-month", 100),
        *("--feature", "detect", "--feature", "batch"),
    )
    (licence,) = listed(facegate)
    assert licence["expires_at"] == 4007836800
    assert (licence["per_day"], licence["per_month"]) == (5, 100)
    assert licence["features"] == ["detect", "batch"]
    assert licence["state"] == "valid"


def test_days_count_from_now(facegate: Run, issue: Any) -> None:
    issue("Bank", "--days", 30)
    assert listed(facegate)[0]["expires_at"] == pytest.approx(time.time() + 30 * 86400, abs=60)


@pytest.mark.parametrize(
    "wrong",
    [
        ("--expires", "soon"),
        ("--expires", "2020-01-01"),
        ("--expires", "2097-01-01", "--days", "3"),
        ("--days", "0"),
        ("--per-day", "0"),
        ("--per-month", "-1"),
        ("--feature", "everything"),
    ],
    ids=" ".join,
)
def test_wrong_terms_issue_nothing(facegate: Run, issue: Any, wrong: tuple[str, ...]) -> None:
    issue("Other")
    ran = facegate("licence", "issue", "Bank", *wrong)
    assert (ran.returncode, ran.stdout) == (3, "")
    assert wrong[0].removeprefix("--") in ran.stderr
    assert [licence["name"] for licence in listed(facegate)] == ["Other"]


@pytest.mark.parametrize("name", ["", "two\nlines", "x" * 101], ids=repr)
def test_an_unusable_name(facegate: Run, name: str) -> None:
    ran = facegate("licence", "issue", name)
    assert ran.returncode == 3
    assert "name" in ran.stderr


def test_the_list_shows_what_was_used(facegate: Run, issue: Any, tmp_path: Path) -> None:
    hash_id = issue("Bank", "--per-day", 5, "--per-month", 5)
    service(tmp_path).authorise(hash_id, amount=2)
    licence = listed(facegate)[0]
    assert (licence["used_today"], licence["used_this_month"]) == (2, 2)
    assert facegate("licence", "list").stdout.count("2/5") == 2


def test_the_list_is_a_table_of_all(facegate: Run, issue: Any) -> None:
    issue("First [bold]")
    issue("Second", "--days", 3)
    head, first, second = facegate("licence", "list").stdout.splitlines()
    assert head.split()[:4] == ["digest", "name", "state", "ends"]
    assert "First [bold]" in first
    assert "never" in first
    assert "UTC" in second


@pytest.mark.parametrize("by", ["name", "digest", "stdin"])
def test_a_revoked_licence_is_refused(facegate: Run, issue: Any, tmp_path: Path, by: str) -> None:
    hash_id = issue("Bank")
    digest = listed(facegate)[0]["digest"]
    who = {"name": "Bank", "digest": digest[:16], "stdin": "-"}[by]
    ran = facegate("licence", "revoke", who, stdin=hash_id + "\n")
    assert ran.returncode == 0
    assert listed(facegate)[0]["state"] == "revoked"
    with pytest.raises(LicenceRevoked):
        service(tmp_path).authorise(hash_id)


def test_nobody_is_revoked_by_a_name_that_two_have(facegate: Run, issue: Any) -> None:
    issue("Bank")
    issue("Bank")
    ran = facegate("licence", "revoke", "Bank")
    assert ran.returncode == 3
    digests = [licence["digest"] for licence in listed(facegate)]
    assert all(digest[:16] in ran.stderr for digest in digests)
    facegate("licence", "revoke", digests[0])
    # One of them is left, so the name is clear again.
    assert facegate("licence", "revoke", "Bank").returncode == 0


def test_nobody_to_revoke(facegate: Run, issue: Any) -> None:
    issue("Bank")
    ran = facegate("licence", "revoke", "Nobody")
    assert ran.returncode == 3
    assert "No licence is known by that." in ran.stderr


@pytest.mark.parametrize("command", [("issue", "Bank"), ("list",), ("revoke", "Bank")])
def test_the_null_store_keeps_no_licences(facegate: Run, command: tuple[str, ...]) -> None:
    ran = facegate("licence", *command, store="null")
    assert ran.returncode == 3
    assert "keeps no licences" in ran.stderr


def test_a_store_that_is_away_is_one_sentence(facegate: Run) -> None:
    uri = "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=100"
    ran = facegate("licence", "issue", "Bank", store="mongo", mongodb_uri=uri)
    assert (ran.returncode, ran.stdout) == (3, "")
    assert "cannot be reached" in ran.stderr


def test_licences_live_in_a_mongodb_that_may_take_its_time(
    facegate: Run, issue: Any, tmp_path: Path
) -> None:
    with MongoServer(tmp_path / "mongo") as server:
        mongo = {"store": "mongo", "mongodb_uri": server.uri}
        server.pause()
        Timer(3, server.resume).start()
        issue("Bank", **mongo)
        assert [licence["name"] for licence in listed(facegate, **mongo)] == ["Bank"]
