"""A SQLite file that is damaged, replaced or cannot be written to while it is in use."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from service.commands.doctor.store import check_database, repair_database
from service.errors import StoreUnavailable
from service.licensing import Licensing
from service.settings import Settings
from service.store.sqlite.condition import damage
from service.store.sqlite.store import SqliteStore

PAGE = 4096


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, store="sqlite")


def filled(settings: Settings, licences: int = 200) -> SqliteStore:
    store = SqliteStore(settings.data_dir / "facegate.db")
    licensing = Licensing(settings, store)
    for number in range(licences):
        licensing.issue(f"Bank {number}")
    with store._database.connection() as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return store


def overwrite(path: Path, pages: range) -> None:
    with path.open("r+b") as file:
        for page in pages:
            file.seek(page * PAGE)
            file.write(b"\xa5" * PAGE)


def test_damage_is_noticed_and_nothing_is_believed_until_a_copy_is_put_back(
    settings: Settings,
) -> None:
    store, path = filled(settings), settings.data_dir / "facegate.db"
    shutil.copy(path, settings.data_dir / "copy")
    store.check()
    store.ping()
    overwrite(path, range(8, path.stat().st_size // PAGE))
    assert damage(path)
    store.check()
    assert "doctor --store" in store.notices()[0]
    for call in (store.ping, store.list_licences, lambda: store.get_licence("a" * 64)):
        with pytest.raises(StoreUnavailable):
            call()
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    (settings.data_dir / "copy").rename(path)
    store.check()
    assert len(store.list_licences()) == 200
    assert store.notices() == []


@pytest.mark.parametrize("folded", [False, True])
def test_a_copy_that_is_moved_over_the_file_in_use_counts(
    settings: Settings, tmp_path: Path, folded: bool
) -> None:
    """The log of the old file, whole or half moved into it, would undo or damage the copy."""
    store, path = filled(settings, 20), settings.data_dir / "facegate.db"
    shutil.copy(path, tmp_path / "copy")
    other = SqliteStore(path)  # another worker
    assert len(other.list_licences()) == 20
    for one in (store, other):
        Licensing(settings, one).issue("Later")
        if folded:
            with one._database.connection() as db:
                db.execute("PRAGMA wal_checkpoint(PASSIVE)")
    for _ in range(300):
        Licensing(settings, store).issue("Still later")
    (tmp_path / "copy").rename(path)
    assert len(store.list_licences()) == 20
    Licensing(settings, store).issue("New")
    assert len(other.list_licences()) == 21
    assert damage(path, budget=60) is None
    assert {one.name for one in other.list_licences()} >= {"New", "Bank 19"}


def leaf_with(path: Path, text: bytes) -> int:
    """The page of rows (a leaf: type 10 or 13) that has this text in it."""
    data = path.read_bytes()
    pages = (data[start : start + PAGE] for start in range(0, len(data), PAGE))
    return next(number for number, page in enumerate(pages) if page[0] in (10, 13) and text in page)


def test_repair_saves_what_lies_before_and_behind_the_damage(settings: Settings) -> None:
    filled(settings).close()
    path = settings.data_dir / "facegate.db"
    assert check_database(settings).level == "ok"
    middle = leaf_with(path, b"Bank 1")  # a single row may lie in a page that is no leaf
    overwrite(path, range(middle, middle + 1))
    assert check_database(settings).level == "failed"
    found = repair_database(settings)
    assert found.level == "ok"
    assert "The damaged file is facegate.db.damaged-" in found.sentence
    assert check_database(settings).level == "ok"
    store = SqliteStore(path)
    assert 100 < len(store.list_licences()) <= 200
    store.close()


def test_a_file_that_is_deleted_or_replaced_in_use(settings: Settings) -> None:
    store, path = filled(settings, 1), settings.data_dir / "facegate.db"
    path.rename(settings.data_dir / "elsewhere")
    with pytest.raises(StoreUnavailable):
        store.ping()
    assert not path.exists()
    (settings.data_dir / "elsewhere").rename(path)
    assert len(store.list_licences()) == 1
