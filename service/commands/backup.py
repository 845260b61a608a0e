"""`facegate backup FILE`: a whole copy of the embedded store, while it is in use."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from service.errors import StartupError
from service.runtime.console import note
from service.settings import load_settings


def backup(file: Path) -> None:
    """Write it. Raises StartupError where there is nothing to copy, or FILE exists."""
    settings = load_settings()
    path = settings.data_dir / "facegate.db"
    if settings.store_kind() != "sqlite" or not path.exists():
        raise StartupError(
            f"There is no SQLite store in {settings.data_dir}.",
            "Set FACEGATE_DATA_DIR to the data folder of the service; for MongoDB use mongodump.",
        )
    try:
        file.touch(mode=0o600, exist_ok=False)
    except FileExistsError:
        raise StartupError(f"{file} exists already.", "Name a new file.") from None
    except OSError as error:
        raise _unwritten(error) from error
    try:
        _copy(path, file)
    except (OSError, sqlite3.Error) as error:
        file.unlink()
        raise _unwritten(error) from error
    note(f"Written: {file}. Keep the keys of the data folder beside it.")


def _unwritten(error: Exception) -> StartupError:
    return StartupError(
        f"The copy could not be written: {error}.",
        "Look at the disk; `facegate doctor --store` looks at the database itself.",
    )


def _copy(path: Path, file: Path) -> None:
    """A copy without a log of its own: the file alone is all of it."""
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(file)) as copy:
        source.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")
