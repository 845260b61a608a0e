"""Results: filters, sorting, paging, the detail page and the export."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import psutil
import pytest
from playwright.sync_api import Browser, Page, expect

from service.errors import RequestError
from service.store.search import Filter
from service.web.links import packed, unpacked
from service.web.rooms.results import _all
from tests.live import Live
from tests.web.browser import opened
from tests.web.conftest import COUNT, client, sit
from tests.web.seeds import results


@pytest.fixture
def viewer(browser: Browser, thousands: Live) -> Iterator[Page]:
    with opened(browser, thousands.base) as page:
        sit(page, thousands, "viewer")
        yield page


def test_an_empty_page_says_what_to_do_next(visitor: Page, console: Live) -> None:
    sit(visitor, console, "viewer")
    visitor.goto("/console/results/?until=2001-01-01T00:00")
    expect(visitor.locator(".empty")).to_contain_text("No result fits this filter.")


def test_pages_follow_each_other_without_gaps(viewer: Page) -> None:
    viewer.goto("/console/results/")
    seen = _ids(viewer)
    viewer.get_by_role("link", name="Next page").click()
    expect(viewer.get_by_role("link", name="First page")).to_be_visible()
    seen += _ids(viewer)
    assert len(set(seen)) == 100
    wanted = [one.id for one in results(100)]
    assert seen == wanted


def test_a_filter_holds_on_the_next_page_and_in_the_export(viewer: Page, thousands: Live) -> None:
    viewer.goto("/console/results/?decision=deepfake&sort=lowest&least=0.6")
    scores = [float(text) for text in viewer.locator("tbody td:nth-child(3)").all_inner_texts()]
    assert scores == sorted(scores)
    assert scores[0] >= 0.6
    viewer.get_by_role("link", name="Next page").click()
    viewer.wait_for_url("**/*after=*")
    more = [float(text) for text in viewer.locator("tbody td:nth-child(3)").all_inner_texts()]
    assert more[0] >= scores[-1]
    with viewer.expect_download() as download:
        viewer.get_by_role("link", name="Export as CSV").click()
    rows = list(csv.DictReader(io.StringIO(download.value.path().read_text())))
    assert {row["decision"] for row in rows} == {"deepfake"}
    assert len(rows) > 100


def test_the_form_filters_by_warning(viewer: Page) -> None:
    viewer.goto("/console/results/")
    viewer.locator("main summary").click()
    viewer.get_by_label("Warnings").select_option("IMAGE_TOO_DARK")
    viewer.get_by_role("button", name="Show", exact=True).click()
    viewer.wait_for_url("**reason=IMAGE_TOO_DARK**")
    tags = viewer.locator("tbody td:nth-child(5)").all_inner_texts()
    assert len(tags) == 50
    assert {tag.strip() for tag in tags} == {"dark"}


def test_the_detail_page_shows_one_result(viewer: Page) -> None:
    viewer.goto("/console/results/")
    viewer.locator("tbody a").first.click()
    expect(viewer.locator("h1")).to_have_text("Result")
    for text in ("SHA-256", "steady", "Raw JSON", "not kept"):
        expect(viewer.locator("main")).to_contain_text(text)


@pytest.mark.parametrize(
    "query", ["since=yesterday", "least=2", "decision=maybe", "after=xyz", "reason=UGLY", "most=x"]
)
def test_a_wrong_filter_is_told_in_a_sentence(thousands: Live, query: str) -> None:
    answer = client(thousands, "viewer").get(f"{thousands.base}/console/results/?{query}")
    assert answer.status_code == 400
    assert f"The field {query.partition('=')[0]} is wrong" in answer.text


@pytest.mark.parametrize("place", [("res_1", "res_1"), (None, "res_1"), (1.0, "?"), [1.0]])
def test_a_place_that_no_page_gave_is_told_in_a_sentence(place: Any) -> None:
    with pytest.raises(RequestError, match="The field after is wrong"):
        unpacked(packed(place))
    assert unpacked(packed((1.5, "res_1"))) == (1.5, "res_1")


def test_what_is_in_no_store_is_not_found(thousands: Live) -> None:
    for name in ("res_0", "..%2f..", "a" * 100):
        answer = client(thousands, "viewer").get(f"{thousands.base}/console/results/{name}")
        assert answer.status_code == 404


def test_the_export_is_everything_and_comes_in_pieces(thousands: Live) -> None:
    session, before = client(thousands, "viewer"), _memory(thousands)
    answer = session.get(f"{thousands.base}/console/results/export.csv", stream=True)
    assert answer.headers.get("Transfer-Encoding") == "chunked"
    lines = answer.content.count(b"\r\n")
    assert lines == COUNT + 20 + 1
    # All at once they would be some 100 MB.
    assert _memory(thousands) - before < 30 * 2**20


def test_an_export_holds_a_page_at_a_time_and_no_more() -> None:
    """A million rows need no more memory than one page: nothing is read ahead."""

    class Endless:
        asked = 0

        def search_results(self, wanted: object, sort: object, limit: int, after: object) -> list:

            self.asked += 1
            return list(results(limit, seed=self.asked))

    store = Endless()
    rows = _all(store, Filter(), "newest")  # type: ignore[arg-type]
    for _ in range(1000):
        next(rows)
    assert store.asked == 2


def test_no_cell_is_a_formula_for_a_spreadsheet() -> None:
    from service.web.rows import csv_lines

    (one,) = results(1)
    head, line = csv_lines([one], {"operator": "=HYPERLINK(1)"})
    row = dict(zip(head.strip().split(","), next(csv.reader([line])), strict=True))
    assert row["licence"] == "'=HYPERLINK(1)"


def _memory(live: Live) -> int:
    return sum(one.memory_info().rss for one in psutil.Process(live.process.pid).children())


def _ids(page: Page) -> list[str]:
    links = page.locator("tbody a").evaluate_all("all => all.map(one => one.href)")
    return [link.rpartition("/")[2] for link in links]
