"""Was a SQLite file written by a newer version? An older one would take its tables for its own."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import quote

from service.errors import StartupError
from service.store.sqlite.database import Migration

PATIENCE = 1.0  # seconds to wait for somebody who has locked the whole file


def check_version(path: Path, migrations: Sequence[Migration]) -> None:
    """Raises StartupError for a newer file; what else is wrong with it shows where it is used."""
    if _version(path) > len(migrations):
        raise StartupError(
            f"{path} was written by a newer version of Facegate.",
            "Start that version or a later one, or restore the data folder as it was before.",
        )


def _version(path: Path) -> int:
    """0 for a file that is not there, or cannot be read."""
    address = f"file:{quote(str(path))}?mode=ro"
    with (
        suppress(sqlite3.Error),
        closing(sqlite3.connect(address, uri=True, timeout=PATIENCE)) as db,
    ):
        return int(db.execute("PRAGMA user_version").fetchone()[0])
    return 0
