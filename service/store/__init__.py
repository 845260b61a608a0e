"""Where licences, quota counters and results are remembered."""

from __future__ import annotations

from pathlib import Path

from service.errors import StartupError
from service.settings import Settings
from service.store.base import Store
from service.store.null.store import NullStore
from service.store.resilient.spool import MIGRATIONS as SPOOL
from service.store.resilient.spool import Spool
from service.store.resilient.store import Observer, ResilientStore
from service.store.sqlite.store import MIGRATIONS as STORE
from service.store.sqlite.store import SqliteStore
from service.store.sqlite.version import check_version

__all__ = [
    "Observer",
    "ResilientStore",
    "Store",
    "check_files",
    "not_yet_made",
    "open_for_command",
    "open_store",
    "refuse_unmade",
]

COMMAND_TIMEOUT = 5.0  # seconds that a call may take where no request waits for it


def open_store(settings: Settings, observe: Observer | None = None) -> Store:
    """The store that the settings name. It connects at its first use, after any fork.

    `observe` hears of calls that fail and of writes set aside.

    Raises StartupError when MongoDB's settings are unusable, or a newer version wrote the file.
    """
    check_files(settings)
    match settings.store_kind():
        case "null":
            return NullStore()
        case "sqlite":
            watcher = observe or Observer()
            return SqliteStore(_file(settings), on_fault=lambda: watcher.error("sqlite"))
        case "mongo":
            return _open_mongo(settings, observe)


def check_files(settings: Settings) -> None:
    """Raises StartupError for a file of this store that a newer version wrote."""
    match settings.store_kind():
        case "sqlite":
            check_version(_file(settings), STORE)
        case "mongo":
            check_version(settings.data_dir / "spool.db", SPOOL)


def open_for_command(settings: Settings, *, made: bool = False) -> Store:
    """The same store with more time for each call: a person waits for a command, and would
    rather wait for a busy server than begin again. Raises StartupError as `open_store` does.

    made: it must be there, as for all that only read or delete; see `refuse_unmade`.
    """
    if made:
        refuse_unmade(settings)
    longer = {"store_timeout": max(settings.store_timeout, COMMAND_TIMEOUT)}
    return open_store(settings.model_copy(update=longer))


def not_yet_made(settings: Settings) -> bool:
    """Whether its first use would make files."""
    return settings.store_kind() == "sqlite" and not _file(settings).exists()


def refuse_unmade(settings: Settings) -> None:
    """An empty store, made in a folder that was mistyped, would say that there is nothing.

    Raises StartupError.
    """
    if not_yet_made(settings):
        raise StartupError(
            f"There is no store in {settings.data_dir}.",
            "Set FACEGATE_DATA_DIR to the data folder of the service.",
        )


def _file(settings: Settings) -> Path:
    return settings.data_dir / "facegate.db"


def _open_mongo(settings: Settings, observe: Observer | None) -> ResilientStore:
    # pymongo takes long to import, and only this kind needs it.
    from service.store.mongo.store import MongoStore
    from service.store.mongo.uri import mongo_uri

    primary = MongoStore(mongo_uri(settings), settings.mongodb_database, settings.store_timeout)
    spool = Spool(settings.data_dir / "spool.db")
    strict = settings.quota == "strict"
    return ResilientStore(
        primary, spool, retry=settings.store_retry, observe=observe, strict=strict
    )
