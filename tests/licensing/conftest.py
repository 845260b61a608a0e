"""A licence desk: settings in a temporary folder, a real SQLite store, a clock that tests turn."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from service.errors import StoreUnavailable
from service.licensing import Licensing
from service.settings import Settings
from service.store.base import Store
from service.store.sqlite.store import SqliteStore

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp()


class Clock:
    """Stands still unless it is turned."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now

    def turn(self, seconds: float) -> None:
        self.now += seconds

    def at(self, *moment: int) -> None:
        self.now = datetime(*moment, tzinfo=UTC).timestamp()  # type: ignore[misc]


class Switch:
    """A store that can be away at once and as often as a test likes, and counts its calls."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.away = False
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        self.calls.append(name)
        if self.away and name != "kind":
            raise StoreUnavailable
        return getattr(self.store, name)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, store="sqlite")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Switch]:
    sqlite = SqliteStore(tmp_path / "facegate.db")
    yield Switch(sqlite)
    sqlite.close()


@pytest.fixture
def licensing(settings: Settings, store: Switch, clock: Clock) -> Licensing:
    return Licensing(settings, store, clock)  # type: ignore[arg-type]


@pytest.fixture
def restarted(settings: Settings, store: Switch, clock: Clock) -> Licensing:
    """Another worker on the same data folder."""
    return Licensing(settings, store, clock)  # type: ignore[arg-type]
