"""From settings to a store."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from service.errors import StartupError
from service.store import ResilientStore, open_store
from service.store.null.store import NullStore
from service.store.sqlite.store import SqliteStore
from tests.servers import MongoServer, free_port
from tests.store.records import a_licence, a_result, a_settings, eventually


def test_each_kind_is_its_class(tmp_path: Path) -> None:
    kinds = {"null": NullStore, "sqlite": SqliteStore, "mongo": ResilientStore}
    for kind, class_ in kinds.items():
        store = open_store(a_settings(store=kind, data_dir=tmp_path))
        assert (type(store), store.kind) == (class_, kind)


@pytest.mark.parametrize("kind", ["null", "sqlite", "mongo"])
def test_opening_touches_nothing(tmp_path: Path, kind: str) -> None:
    uri = f"mongodb://127.0.0.1:{free_port()}/"
    open_store(a_settings(store=kind, data_dir=tmp_path / "data", mongodb_uri=uri))
    assert list(tmp_path.iterdir()) == []


def test_sqlite_lives_in_the_data_folder(tmp_path: Path) -> None:
    open_store(a_settings(store="sqlite", data_dir=tmp_path)).put_licence(a_licence())
    assert (tmp_path / "facegate.db").exists()


def test_a_configured_mongodb_is_used(tmp_path: Path, mongo_server: MongoServer) -> None:
    settings = a_settings(
        mongodb_uri=mongo_server.uri,
        mongodb_database="opened",
        data_dir=tmp_path,
        store_timeout=5,
        store_retry=0.1,
    )
    store, result = open_store(settings), a_result()
    store.put_result(result)
    assert store.get_result("digest", result.id) == result
    store.close()


def test_what_mongodb_misses_waits_in_the_data_folder(tmp_path: Path) -> None:
    uri = f"mongodb://127.0.0.1:{free_port()}/"
    store = open_store(a_settings(mongodb_uri=uri, data_dir=tmp_path))
    store.put_result(a_result())
    assert isinstance(store, ResilientStore)
    assert store.pending() == 1
    assert (tmp_path / "spool.db").stat().st_mode & 0o777 == 0o600
    eventually(lambda: not store.available)
    store.close()


def test_unusable_settings_are_told_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(StartupError):
        open_store(a_settings(mongodb_uri="mongodb://", data_dir=tmp_path))


def test_pymongo_is_not_imported_for_the_embedded_store() -> None:
    program = "import service.store, sys; sys.exit('pymongo' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)
