"""A store that does not look through everything in time: the pages show a part and say so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from service.accounts.people import People
from service.app import create_app
from service.errors import StoreTooSlow
from service.settings import Settings
from service.store import open_store
from service.store.search import Filter
from service.store.sqlite.store import SqliteStore
from service.web.rooms.results import _all
from tests.web.conftest import PASSWORD
from tests.web.seeds import fill, results

pytestmark = pytest.mark.slow
NOT_ALL = "The store did not look through everything in time."


@pytest.fixture
def analyst(tmp_path: Path) -> Iterator[FlaskClient]:
    """Logged in, over eight results."""
    settings = Settings(data_dir=tmp_path, store="sqlite")
    client = create_app(settings).test_client()
    store = open_store(settings)
    People(settings, store).add("analyst", PASSWORD, "administrator")  # may delete, too
    fill(store, 8)
    found = re.search(r'name="csrf" value="([^"]+)"', client.get("/console/login").text)
    assert found is not None
    given = {"csrf": found[1], "username": "analyst", "password": PASSWORD}
    assert client.post("/console/login", data=given).status_code == 303
    yield client
    store.close()


def slow(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """From now on a search ends after so many results."""
    whole, points = SqliteStore.search_results, SqliteStore.result_points

    def some(*given: Any) -> Any:
        raise StoreTooSlow(whole(*given)[:count])

    def few(*given: Any) -> Any:
        raise StoreTooSlow(points(*given)[:count])

    monkeypatch.setattr(SqliteStore, "search_results", some)
    monkeypatch.setattr(SqliteStore, "result_points", few)


def test_what_was_found_is_shown_and_one_may_go_on(
    analyst: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow(monkeypatch, 3)
    answer = analyst.get("/console/results/?decision=bona_fide")
    assert (answer.status_code, answer.text.count("/console/results/res_")) == (200, 3)
    assert NOT_ALL in answer.text
    assert 'rel="next"' in answer.text


def test_where_nothing_was_found_no_page_says_that_there_is_nothing(
    analyst: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow(monkeypatch, 0)
    listing = analyst.get("/console/results/?decision=deepfake").text
    assert (NOT_ALL in listing, "No result fits" in listing) == (True, False)
    images = analyst.get("/console/images/").text
    assert (NOT_ALL in images, "No picture is kept" in images) == (True, False)
    review = analyst.get("/console/review/next").text
    assert ("too long to find" in review, "Nothing waits here" in review) == (True, False)


def test_a_deletion_that_found_nothing_in_time_does_not_say_that_all_is_gone(
    analyst: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow(monkeypatch, 0)
    token = re.search(r'name="csrf" value="([^"]+)"', analyst.get("/console/try/").text)
    assert token is not None
    form = {"csrf": token[1], "before": "2099-01-01"}
    answer = analyst.post("/console/images/delete-older", data=form)
    assert answer.status_code == 503
    assert StoreTooSlow.sentence in answer.text


def test_operations_show_what_needs_no_store(
    analyst: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow(monkeypatch, 3)
    answer = analyst.get("/console/operations/now")
    assert answer.status_code == 200
    for text in ("took too long to look through the last 24 hours", "Workers ready", "3 results"):
        assert text in answer.text


def test_an_export_goes_on_after_a_part_and_breaks_off_where_it_cannot() -> None:
    class Slow:
        asked = 0

        def search_results(self, *given: Any) -> Any:
            self.asked += 1
            raise StoreTooSlow(list(results(2)) if self.asked < 3 else [])

    rows = _all(Slow(), Filter(), "newest")  # type: ignore[arg-type]
    assert len([next(rows) for _ in range(4)]) == 4
    with pytest.raises(StoreTooSlow):
        next(rows)
