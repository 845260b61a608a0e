"""The SQLite store when the disk, the file or another process is against it."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from service.errors import StoreUnavailable
from service.store.sqlite.database import Database
from service.store.sqlite.store import MIGRATIONS, SqliteStore
from tests.store.records import DIGEST, a_counter, a_licence, a_result, in_processes

WRITER = """
import sys, time
from pathlib import Path
from service.store.sqlite.store import SqliteStore
from tests.store.records import a_counter, a_result
store = SqliteStore(Path(sys.argv[1]))
for number in range(100_000):
    store.put_result(a_result(id=str(number)))
    store.take([a_counter(limit=None)])
    print(number, flush=True)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new folder" / "facegate.db"


def test_only_the_owner_may_read_the_file(path: Path) -> None:
    SqliteStore(path).put_licence(a_licence())
    modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    assert modes["facegate.db"] == 0o600
    assert set(modes.values()) == {0o600}


def test_nothing_is_opened_before_the_first_use(path: Path) -> None:
    SqliteStore(path)
    assert not path.parent.exists()


def test_writes_are_synced_to_the_disk(path: Path) -> None:
    with Database(path, MIGRATIONS, 1.0).connection() as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL


def test_what_was_acknowledged_survives_kill_9(path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        for _ in range(50):
            acknowledged = int(writer.stdout.readline())
        writer.send_signal(signal.SIGKILL)
        acknowledged = max([acknowledged, *map(int, writer.stdout.read().split())])
    store = SqliteStore(path)
    kept = {each.id for each in store.list_results("digest", 200_000)}
    assert kept >= {str(number) for number in range(acknowledged + 1)}
    assert store.usage("digest/day") in (acknowledged + 1, acknowledged + 2)


def test_a_full_disk_refuses_and_later_goes_on(path: Path) -> None:
    """A file size limit fails the write itself, as a full disk does."""

    def work(_: int) -> None:
        store = SqliteStore(path)
        store.put_result(a_result(id="before"))
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 200_000, limits[1]))
        with pytest.raises(StoreUnavailable):
            store.put_result(a_result(id="too big", image=os.urandom(2_000_000)))
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        store.put_result(a_result(id="after", image=os.urandom(2_000_000)))
        assert {each.id for each in store.list_results("digest", 9)} == {"before", "after"}

    in_processes(1, work)


def test_a_locked_file_refuses_after_the_busy_timeout(path: Path) -> None:
    store = SqliteStore(path, busy_timeout=0.05)
    store.ping()
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable):
        store.take([a_counter()])
    assert store.usage("digest/day") == 0  # readers are not held up
    holder.execute("ROLLBACK")
    assert store.take([a_counter()])


def test_a_file_of_rubbish_is_refused(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(os.urandom(20_000))
    store = SqliteStore(path)
    for call in (store.ping, store.list_licences, lambda: store.put_licence(a_licence())):
        with pytest.raises(StoreUnavailable):
            call()


def test_damaged_pages_are_refused(path: Path) -> None:
    store = SqliteStore(path)
    for number in range(50):
        store.put_licence(a_licence(str(number)))
    store.close()
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[:4096] + os.urandom(size - 4096))
    with pytest.raises(StoreUnavailable):
        SqliteStore(path).list_licences()


def test_a_damaged_row_is_refused(path: Path) -> None:
    store = SqliteStore(path)
    store.put_licence(a_licence())
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE licences SET document = '{\"name\": 1'")
    with pytest.raises(StoreUnavailable):
        store.get_licence(DIGEST)


def test_an_unusable_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnavailable):
        SqliteStore(tmp_path / "file" / "facegate.db").ping()
    with pytest.raises(StoreUnavailable):
        SqliteStore(tmp_path).ping()  # a folder where the file should be


@pytest.mark.parametrize("version", range(len(MIGRATIONS)))
def test_an_older_schema_is_brought_forward(path: Path, version: int) -> None:
    with Database(path, MIGRATIONS[:version], 1.0).connection() as old:
        if version:
            old.execute("INSERT INTO counters VALUES ('digest/day', 2, ?)", (time.time() + 60,))
    store = SqliteStore(path)
    store.put_result(a_result())
    store.take([a_counter(limit=None)])
    assert store.usage("digest/day") == (3 if version else 1)
    with sqlite3.connect(path) as now:
        assert now.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)


def test_a_newer_schema_is_refused(path: Path) -> None:
    SqliteStore(path).ping()
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    with pytest.raises(StoreUnavailable):
        SqliteStore(path).ping()


def test_many_workers_may_open_a_new_file_at_once(path: Path) -> None:
    in_processes(6, lambda number: SqliteStore(path).put_licence(a_licence(str(number))))
    assert len(SqliteStore(path).list_licences()) == 6


def test_a_connection_never_crosses_a_fork(path: Path) -> None:
    database = Database(path, MIGRATIONS, 1.0)
    with database.connection() as of_parent:
        pass

    def work(_: int) -> None:
        with database.connection() as of_child:
            assert of_child is not of_parent

    in_processes(1, work)
    with database.connection() as again:
        assert again is of_parent


def test_no_query_reads_the_whole_table(path: Path) -> None:
    with Database(path, MIGRATIONS, 1.0).connection() as db:
        for where in (
            "sha256 = '' AND fingerprint = '' ORDER BY created_at DESC LIMIT 1",
            "licence = '' AND (created_at, id) < (1, '') ORDER BY created_at DESC, id DESC LIMIT 5",
            "expires_at <= 0 LIMIT 5",
        ):
            plan = str(
                db.execute(f"EXPLAIN QUERY PLAN SELECT id FROM results WHERE {where}").fetchall()
            )
            assert "SEARCH results USING" in plan
            assert "TEMP B-TREE" not in plan
