"""Where licences, quota counters and results are remembered."""

from __future__ import annotations

from service.settings import Settings
from service.store.base import Store
from service.store.null import NullStore
from service.store.sqlite import SqliteStore


def open_store(settings: Settings) -> Store:
    """The store that the settings name. It connects at its first use, after any fork."""
    if settings.store_kind() == "null":
        return NullStore()
    return SqliteStore(settings.data_dir / "facegate.db")
