"""The console in a real service, and a browser before it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from unittest import mock

import pytest
import requests
from playwright.sync_api import Browser, Page

from service.accounts.passwords import Passwords
from service.accounts.people import ROLES, People
from service.judging.reviews import Reviews
from service.store import open_for_command
from tests.images import genuine
from tests.live import Live
from tests.web.browser import CHROMIUM, log_in, opened
from tests.web.seeds import fill_sqlite, results

PASSWORD = "correct horse battery"
COUNT, OLD = 10_000, 200_000.0  # results; seconds, beyond the oldest of them
SEATS: dict[tuple[str, str], requests.Session] = {}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test with a browser needs one, and takes long."""
    for item in items:
        if {"browser", "visitor", "looking"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.skipif(CHROMIUM is None, reason="no chromium here"))


@pytest.fixture(scope="session")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A service with the console, a user in each role, and nothing else."""
    folder = tmp_path_factory.mktemp("console")
    with Live(
        folder, probability=0.233, audit="best-effort", login_attempts=1000, store_images="true"
    ) as live:
        seat_people(live)
        yield live


@pytest.fixture(scope="session")
def thousands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """The console over ten thousand results, a few of them with pictures or reviewed."""
    folder = tmp_path_factory.mktemp("thousands")
    more = {"login_attempts": 1000, "store_images": "true"}
    with Live(folder, probability=0.233, **more) as live:
        seat_people(live)
        live.issue(name="Bank of Examples", per_day=5)
        store = open_for_command(live.settings)
        fill_sqlite(store, COUNT)
        for one in results(20, seed=2, now=time.time() - OLD):
            store.put_result(replace(one, image=genuine()))
            Reviews(store).say(one, "somebody", "genuine", "", "random")
        store.close()
        yield live


@pytest.fixture
def visitor(browser: Browser, console: Live) -> Iterator[Page]:
    """A page of somebody who has not logged in."""
    with opened(browser, console.base) as page:
        yield page


@pytest.fixture
def administrator(visitor: Page) -> Page:
    log_in(visitor, "administrator", PASSWORD)
    return visitor


@pytest.fixture
def analyst(visitor: Page, console: Live) -> Page:
    sit(visitor, console, "analyst")
    return visitor


@cache
def hashed(password: str) -> str:
    """One salt for all who have the same password: a hash takes long."""
    return Passwords().hashed(password)


def seat_people(live: Live) -> None:
    """A person for each role, called like it."""
    store = open_for_command(live.settings)
    people = People(live.settings, store)
    with mock.patch.object(people._passwords, "hashed", hashed):
        for role in ROLES:
            people.add(role, PASSWORD, role)
    store.close()


def client(live: Live, name: str) -> requests.Session:
    """Somebody who is logged in, without a browser; once for all tests, since it costs a hash."""
    if (live.base, name) not in SEATS:
        session = SEATS[live.base, name] = requests.Session()
        given = form(session, live) | {"username": name, "password": PASSWORD}
        answer = session.post(f"{live.base}/console/login", data=given)
        assert "/login" not in answer.url, answer.text
    return SEATS[live.base, name]


def form(session: requests.Session, live: Live, path: str = "/console/login") -> dict[str, str]:
    """The hidden token of a page."""
    html = session.get(live.base + path).text
    found = re.search(r'name="csrf" value="([^"]+)"', html)
    assert found is not None
    return {"csrf": found[1]}


def sit(page: Page, live: Live, name: str) -> None:
    """Give a browser the session of `client`."""
    value = client(live, name).cookies["facegate_session"]
    cookie = {"name": "facegate_session", "value": value, "url": f"{live.base}/console"}
    page.context.add_cookies([cookie])  # type: ignore[list-item]
