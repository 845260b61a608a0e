"""`facegate doctor --store`: is the database sound, and what can be saved of one that is not?"""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing, suppress
from pathlib import Path

from service.commands.doctor.finding import Diagnosis, failed, ok
from service.errors import StartupError
from service.runtime import data_lock
from service.settings import Settings
from service.store import check_files
from service.store.sqlite.condition import damage
from service.store.sqlite.store import SqliteStore

PATIENCE = 3600.0  # seconds: here it is read to its end
REPAIR = "Stop the service, then `facegate doctor --store --repair` saves what can be read."


def check_database(settings: Settings) -> Diagnosis:
    """The whole file, however long it takes. Raises StartupError for one of a newer version."""
    check_files(settings)
    if settings.store_kind() != "sqlite":
        return ok("The store is no SQLite file: its own tools look after it.")
    path = settings.data_dir / "facegate.db"
    if not path.exists():
        return ok("There is no database yet.")
    found = damage(path, PATIENCE)
    if found is None:
        return ok(f"{path} is sound.")
    return failed(f"{path} is damaged: {found.splitlines()[0]}.", REPAIR)


def repair_database(settings: Settings) -> Diagnosis:
    """Save what can be read into a new file; the damaged one stays beside it.

    Raises StartupError while a service uses the folder, and for a file of a newer version.
    """
    before = check_database(settings)
    if before.level == "ok":
        return before
    data_lock.take(settings.data_dir, shared=False)
    path = settings.data_dir / "facegate.db"
    saved = _saved(path, path.with_name("facegate.db.new"))
    aside = path.with_name(f"facegate.db.damaged-{int(time.time())}")
    path.rename(aside)
    for suffix in ("-wal", "-shm"):
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    path.with_name("facegate.db.new").rename(path)
    told = ", ".join(f"{count} {table}" for table, count in saved.items())
    return ok(f"Saved: {told}. The damaged file is {aside.name}; compare the licences with yours.")


def _saved(damaged: Path, new: Path) -> dict[str, int]:
    """Rows by table. Forwards up to the damage, and backwards from the end down to it."""
    new.unlink(missing_ok=True)
    store = SqliteStore(new)
    store.ping()
    store.close()
    saved: dict[str, int] = {}
    with closing(sqlite3.connect(new)) as target:
        tables = target.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (table,) in tables:
            columns = [name for (_, name, *_) in target.execute(f"PRAGMA table_info({table})")]
            for order in ("ASC", "DESC"):
                _copy(damaged, target, table, columns, order)
            ((saved[table],),) = target.execute(f"SELECT count(*) FROM {table}").fetchall()  # noqa: S608
        target.commit()
    if not saved:
        raise StartupError("Nothing of the database can be read.", "Restore a copy of it.")
    return saved


def _copy(
    damaged: Path, target: sqlite3.Connection, table: str, columns: list[str], order: str
) -> None:
    names, places = ", ".join(columns), ", ".join("?" * len(columns))
    query = f"SELECT {names} FROM {table} NOT INDEXED ORDER BY {columns[0]} {order}"  # noqa: S608
    insert = f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({places})"  # noqa: S608
    with suppress(sqlite3.DatabaseError), closing(sqlite3.connect(damaged)) as source:
        source.execute("PRAGMA cell_size_check = ON")
        for row in source.execute(query):
            with suppress(sqlite3.DatabaseError):
                target.execute(insert, row)
