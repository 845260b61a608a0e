"""The write-ahead log beside a SQLite file: a part of that file, and of no other."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path

Identity = tuple[int, int]  # device and inode


def log_of(path: Path) -> Identity | None:
    """Which file the log is, where there is one."""
    with suppress(OSError):
        found = path.with_name(f"{path.name}-wal").stat()
        return found.st_dev, found.st_ino
    return None


def drop(path: Path, log: Identity | None) -> None:
    """Remove the log of a file that another has taken the place of: read as a part of that one, it
    would damage it. Whoever calls has it open still, so no newer log can be mistaken for it."""
    if log is not None and log_of(path) == log:
        for end in ("-wal", "-shm"):
            path.with_name(path.name + end).unlink(missing_ok=True)


def fold(path: Path) -> None:
    """Move the log into the file, which then is whole by itself; while others use it, the last of
    them does that. Nothing is made, and nothing raised."""
    with suppress(OSError, sqlite3.Error):
        if path.exists():
            with closing(sqlite3.connect(path, timeout=0)) as db:
                db.execute("PRAGMA user_version").fetchone()  # at its end SQLite folds what is open
