"""`facegate forget`, on what a service kept."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands.conftest import Run, command_in
from tests.images import genuine
from tests.live import Live

ON = {"audit": "required"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    folder = tmp_path_factory.mktemp("service")
    with Live(folder, probability=0.233, store_images=True, **ON) as live:
        yield live


@pytest.fixture
def run(service: Live) -> Run:
    command = command_in(service.folder)
    return lambda *words, **more: command("forget", *words, **ON, **more)


def acts(live: Live) -> list[dict[str, object]]:
    with sqlite3.connect(live.settings.data_dir / "facegate.db") as db:
        rows = db.execute("SELECT body FROM audit").fetchall()
        found = [json.loads(body) for (body,) in rows]
    return sorted((one for one in found if one["kind"] == "act"), key=lambda one: one["at"])


def test_a_picture_is_forgotten_while_the_service_runs(service: Live, run: Run) -> None:
    known = service.analyze(genuine()).json()["id"]
    assert service.results(f"/{known}").status_code == 200
    digest = hashlib.sha256(genuine()).hexdigest()
    ran = run("--sha256", digest.upper())
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("Deleted: 1 results, 0 jobs, 0 history")
    assert service.results(f"/{known}").json()["code"] == "RESULT_NOT_FOUND"
    assert not service.analyze(genuine()).json()["cached"]
    first, last = acts(service)[-2:]
    assert (first["act"], last["act"]) == ("forget", "forgotten")
    assert first["sha256"] == last["sha256"] == digest
    assert last["gone"]["results"] == 1  # type: ignore[index]
    verified = command_in(service.folder)("audit", "verify", **ON)
    assert (verified.returncode, "nothing is wrong" in verified.stdout) == (0, True)


def test_a_licence_is_meant_by_its_hash_id(service: Live, run: Run) -> None:
    service.analyze(genuine())
    other = service.issue(name="another")
    service.analyze(genuine(), hash_id=other)
    ran = run("--licence", "-", "--before", "2100-01-01", stdin=f"{other}\n")
    assert (ran.returncode, "Deleted: 1 results" in ran.stdout) == (0, True)
    assert service.results().json()["results"]
    assert run("--licence", "operator").returncode == 0


def test_what_is_not_meant_clearly_is_refused(service: Live, run: Run) -> None:
    service.issue(name="twin")
    service.issue(name="twin")
    for words, why in (
        ((), "Name what is to be forgotten"),
        (("--sha256", "5a"), "this is no SHA-256"),
        (("--before", "soon"), "is not a date"),
        (("--licence", "nobody"), "No licence is known by that."),
        (("--licence", "twin"), "Several licences are meant."),
    ):
        ran = run(*words)
        assert (ran.returncode, why in ran.stderr) == (3, True), ran.stderr


def test_without_its_entry_nothing_is_forgotten(service: Live, run: Run, tmp_path: Path) -> None:
    service.analyze(genuine())
    (tmp_path / "bad.key").write_text("no key")
    ran = run("--before", "2100-01-01", audit_key_file=tmp_path / "bad.key")
    assert (ran.returncode, "audit key" in ran.stderr) == (3, True)
    assert service.results().json()["results"]
