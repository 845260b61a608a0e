"""Running services that many tests share; each starts when the first test asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.live import Live
from tests.servers import MongoServer

GENUINE, FAKE = 0.233, 0.977
SERVERS = {"Live", "MongoServer", "Aws", "Quickstart"}
SERVING = {"live", "room", "deepfake", "mongo_server", "aws", "cloud", "service_image"}
STORES = ("mongo", "resilient")  # of a parameter


def pytest_collection_modifyitems(items: list[pytest.Function]) -> None:
    """Whatever needs a real server is slow: the edit loop leaves it out."""
    for item in items:
        known = SERVERS & set(vars(item.module)) or SERVING & set(item.fixturenames)
        if known or any(name in item.name for name in STORES):
            item.add_marker("slow")


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Two workers with SQLite; every face is bona fide with a score of 0.233."""
    folder = tmp_path_factory.mktemp("live")
    # Many tests register and log in, and all of them from one address.
    more = {"workers": 2, "login_attempts": 1000}
    with Live(folder, probability=GENUINE, **more) as service:
        yield service


@pytest.fixture(scope="session", params=["sqlite", "mongo", "null"])
def room(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Live]:
    """The same service with each store."""
    if request.param == "sqlite":
        yield request.getfixturevalue("live")
        return
    folder = tmp_path_factory.mktemp(request.param)
    with ExitStack() as stack:
        more = _store(request.param, folder, stack)
        yield stack.enter_context(Live(folder, probability=GENUINE, **more))


@pytest.fixture(scope="session")
def deepfake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Every face is a deepfake with a score of 0.977."""
    with Live(tmp_path_factory.mktemp("deepfake"), probability=FAKE) as service:
        yield service


@pytest.fixture(scope="session")
def mongo_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoServer]:
    """Shared: a test that stops it must start it again."""
    with MongoServer(tmp_path_factory.mktemp("mongo")) as server:
        yield server


def _store(kind: str, folder: Path, stack: ExitStack) -> dict[str, Any]:
    if kind == "null":
        return {"store": "null"}
    server = stack.enter_context(MongoServer(folder / "mongo"))
    # A busy test machine may take longer than a server room; how long is not tested here.
    server.with_schema("facegate")
    return {"store": "mongo", "mongodb_uri": server.uri, "store_timeout": 5.0}
