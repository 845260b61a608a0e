"""Running services that many tests share; each starts when the first test asks for it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.live import Live
from tests.servers import MongoServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser

GENUINE, FAKE = 0.233, 0.977
SERVERS = {"Live", "MongoServer", "Aws", "Quickstart"}
SERVING = {"live", "room", "deepfake", "mongo_server", "aws", "cloud", "service_image"}
STORES = ("mongo", "resilient")  # of a parameter
IMPORTED = rf"from tests\.\w+ import (?:\([^)]*|[^(\n]*)\b(?:{'|'.join(sorted(SERVERS))})\b"
ALL_SLOW = re.compile(rf"^(?:pytestmark = pytest\.mark\.slow$|{IMPORTED})", re.MULTILINE)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """The edit loop does not even import a file whose tests are all slow."""
    if config.option.markexpr != "not slow" or collection_path.suffix != ".py":
        return None
    return bool(ALL_SLOW.search(collection_path.read_text())) or None


# With few tests that take long each: begun first, so that none of them is the last that runs.
FIRST = ("privacy", "faults", "security", "web", "docs")


def pytest_collection_modifyitems(items: list[pytest.Function]) -> None:
    """Whatever needs a real server is slow: the edit loop leaves it out."""
    items.sort(key=lambda item: item.path.parent.name not in FIRST)
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


@pytest.fixture(scope="session")
def live_mongo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """The same with MongoDB, in one worker."""
    folder = tmp_path_factory.mktemp("live-mongo")
    with MongoServer(folder / "mongo") as server:
        server.with_schema("facegate")
        # A busy test machine may take longer than a server room; how long is not tested here.
        more = {"store": "mongo", "mongodb_uri": server.uri, "store_timeout": 5.0}
        with Live(folder, probability=GENUINE, **more) as service:
            yield service


@pytest.fixture(scope="session")
def live_null(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """The same without a store, in one worker."""
    with Live(tmp_path_factory.mktemp("live-null"), probability=GENUINE, store="null") as service:
        yield service


ROOMS = {"sqlite": "live", "mongo": "live_mongo", "null": "live_null"}


@pytest.fixture(scope="session", params=ROOMS)
def room(request: pytest.FixtureRequest) -> Live:
    """The same service with each store; all three go on until the end of the run."""
    service: Live = request.getfixturevalue(ROOMS[request.param])
    return service


@pytest.fixture(scope="session")
def deepfake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Every face is a deepfake with a score of 0.977."""
    with Live(tmp_path_factory.mktemp("deepfake"), probability=FAKE) as service:
        yield service


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One for all, as Playwright allows no second one in a process."""
    from tests.web.browser import CHROMIUM, chromium

    if CHROMIUM is None:
        pytest.skip("there is no Chromium")
    with chromium() as found:
        yield found


@pytest.fixture(scope="session")
def mongo_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoServer]:
    """Shared: a test that stops it must start it again."""
    with MongoServer(tmp_path_factory.mktemp("mongo")) as server:
        yield server
