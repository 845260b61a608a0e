"""`facegate backup`, and what a stopped service leaves: files that are whole by themselves."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.commands.conftest import Run, command_in
from tests.images import genuine
from tests.live import Live


def names(facegate: Run) -> list[str]:
    ran = facegate("licence", "list", "--format", "json")
    return sorted(licence["name"] for licence in json.loads(ran.stdout))


def put(copy: Path, folder: Path) -> None:
    """In a new data folder, as one puts a backup back."""
    (folder / "data").mkdir(parents=True)
    shutil.copy(copy, folder / "data" / "facegate.db")


@pytest.mark.slow
def test_a_copy_is_whole_while_the_service_runs_and_the_file_itself_after(tmp_path: Path) -> None:
    with Live(tmp_path / "live", probability=0.2, workers=2) as live:
        assert live.analyze(genuine()).json()["stored"] is True
        facegate = command_in(live.folder)
        copy = tmp_path / "copy.db"
        assert facegate("backup", copy).returncode == 0
        assert copy.stat().st_mode & 0o777 == 0o600
        put(copy, tmp_path / "other")
        assert names(command_in(tmp_path / "other")) == names(facegate) == ["test"]
        live.issue(name="later")
        live.licensing._store.close()  # or this process would be the last to use the file
    data = live.settings.data_dir
    assert [one.name for one in data.glob("*-wal")] == []
    put(data / "facegate.db", tmp_path / "third")
    assert names(command_in(tmp_path / "third")) == ["later", "test"]
    with closing(sqlite3.connect(data / "facegate.db")) as db:
        assert db.execute("SELECT count(*) FROM results").fetchone() == (1,)


def test_what_cannot_be_copied_is_a_sentence(facegate: Run, tmp_path: Path) -> None:
    ran = facegate("backup", tmp_path / "copy.db")
    assert (ran.returncode, "There is no SQLite store in" in ran.stderr) == (3, True)
    assert not (tmp_path / "data").exists()
    assert facegate("licence", "issue", "Bank").returncode == 0
    (tmp_path / "copy.db").write_text("mine")
    ran = facegate("backup", tmp_path / "copy.db")
    assert (ran.returncode, "exists already" in ran.stderr) == (3, True)
    assert (tmp_path / "copy.db").read_text() == "mine"
    ran = facegate("backup", tmp_path / "absent" / "copy.db")
    assert (ran.returncode, "could not be written" in ran.stderr) == (3, True)


def test_a_copy_that_breaks_off_leaves_no_file(facegate: Run, tmp_path: Path) -> None:
    assert facegate("licence", "issue", "Bank").returncode == 0
    (tmp_path / "data" / "facegate.db").write_bytes(b"no database, but longer than its head" * 40)
    ran = facegate("backup", tmp_path / "copy.db")
    assert (ran.returncode, "could not be written" in ran.stderr) == (3, True)
    assert not (tmp_path / "copy.db").exists()
