"""Accounts over a real SQLite file, with a clock that a test may turn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from argon2.profiles import CHEAPEST

from service.accounts import Accounts
from service.settings import Settings
from service.store.sqlite.store import SqliteStore


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a hash costs, a core for a while, is the question of one test alone, which undoes it."""
    nobodys = PasswordHasher.from_parameters(CHEAPEST).hash("nobody's own")
    monkeypatch.setattr("service.accounts.passwords.RFC_9106_LOW_MEMORY", CHEAPEST)
    monkeypatch.setattr("service.accounts.passwords.NOBODYS", nobodys)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path / "facegate.db")
    yield store
    store.close()


@pytest.fixture
def accounts(tmp_path: Path, store: SqliteStore, clock: Clock) -> Accounts:
    return Accounts(Settings(data_dir=tmp_path, login_attempts=3), store, clock)
