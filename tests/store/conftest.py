"""Stores over real parts: SQLite files, and a MongoDB server started once for all tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from service.store.base import Store
from service.store.mongo.store import MongoStore
from service.store.resilient.spool import Spool
from service.store.resilient.store import ResilientStore
from service.store.sqlite.store import SqliteStore
from tests.servers import MongoServer
from tests.store.records import Seen

PATIENT = 10.0  # seconds; where a test is not about time, a busy machine must not fail it


@pytest.fixture
def fallible_server(mongo_server: MongoServer) -> Iterator[MongoServer]:
    """The shared server for a test that may kill or freeze it; it runs again afterwards."""
    yield mongo_server
    mongo_server.kill()
    mongo_server.start()


@pytest.fixture
def mongo_store(request: pytest.FixtureRequest, mongo_server: MongoServer) -> Iterator[MongoStore]:
    """In a database of its own, but for the tests of every store, which make no indexes."""
    shared = "store" in request.fixturenames
    database = mongo_server.emptied() if shared else mongo_server.with_schema(uuid4().hex)
    store = MongoStore(mongo_server.uri, database, PATIENT)
    yield store
    store.close()


@pytest.fixture
def sqlite_store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path / "data" / "facegate.db", busy_timeout=PATIENT)
    yield store
    store.close()


@pytest.fixture
def resilient_store(mongo_store: MongoStore, tmp_path: Path) -> Iterator[ResilientStore]:
    store = ResilientStore(mongo_store, Spool(tmp_path / "spool.db"), retry=0.2)
    yield store
    store.close()


@pytest.fixture(params=["sqlite", "mongo", "resilient"])
def store(request: pytest.FixtureRequest) -> Store:
    """Every kind that remembers."""
    return request.getfixturevalue(f"{request.param}_store")


@pytest.fixture
def open_mongo(mongo_server: MongoServer) -> Callable[..., MongoStore]:
    """Stores on one new database, as several workers open them.

    Its indexes exist already: the stand-in server does not survive SIGKILL while it makes one.
    """
    database = mongo_server.with_schema(uuid4().hex)
    first = MongoStore(mongo_server.uri, database, PATIENT)
    first.prepare()
    first.close()
    return lambda timeout=PATIENT: MongoStore(mongo_server.uri, database, timeout)


@pytest.fixture
def seen() -> Seen:
    return Seen()
