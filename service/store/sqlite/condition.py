"""Whether a SQLite file is sound and takes writes: noticed by looking, and by what goes wrong."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

BUDGET = 0.5  # seconds that a look may take; a large file is not read to its end then
STEPS = 20_000  # of SQLite's machine between two looks at the clock
DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


class FileHealth:
    """What is known of one file; shared by the threads of a process."""

    def __init__(self) -> None:
        self.damaged = False
        self.unwritable = False  # the last write failed, and not because somebody else wrote

    def failed(self, error: Exception, *, writing: bool) -> None:
        """A call failed."""
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        self.damaged = self.damaged or code in DAMAGED
        self.unwritable = self.unwritable or (writing and code not in BUSY)

    def notices(self) -> list[str]:
        """Sentences for health."""
        if self.damaged:
            return ["The database is damaged: `facegate doctor --store` says what can be saved."]
        if self.unwritable:
            return ["The database takes no writes: look at the disk of the data folder."]
        return []


def damage(path: Path, budget: float = BUDGET) -> str | None:
    """What is wrong with a file, as SQLite says it; None where nothing was found in this time.

    Through a connection of its own: others have pages in memory. The small tables, on which
    licences hang, come first.
    """
    deadline = time.monotonic() + budget
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as db:
            db.set_progress_handler(lambda: time.monotonic() > deadline, STEPS)
            for table in _tables(db):
                ((found, *_), *_) = db.execute(f"PRAGMA quick_check('{table}')").fetchall()
                if found != "ok":
                    return str(found)
    except sqlite3.OperationalError:  # no time left, or somebody writes
        return None
    except sqlite3.DatabaseError as error:
        return str(error)
    return None


def _tables(db: sqlite3.Connection) -> list[str]:
    names = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    first = [name for name in ("licences", "counters", "users", "jobs") if name in names]
    return [*first, *sorted(names - set(first) - {"sqlite_sequence"})]
