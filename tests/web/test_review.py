"""Review: by keyboard, with undo, notes and second opinions; the rates that come of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from service.errors import StartupError
from service.fitting.reviewed import write
from service.judging.reviews import Reviews, apcer, bpcer, rate
from service.settings import Settings
from service.store import open_for_command
from service.store.search import Filter
from service.store.sqlite.store import SqliteStore
from tests.images import genuine
from tests.live import Live
from tests.web.browser import opened
from tests.web.conftest import client, seat_people, sit
from tests.web.seeds import results


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """The console over forty results, some of them near the threshold, with pictures."""
    with Live(tmp_path_factory.mktemp("desk"), probability=0.233, login_attempts=1000) as live:
        seat_people(live)
        store = open_for_command(live.settings)
        for number, one in enumerate(results(40)):
            near = {"score": 0.45 + number / 400}
            store.put_result(replace(one, analysis=one.analysis | near, image=genuine()))
        store.close()
        yield live


@pytest.fixture
def reviewing(browser: Browser, desk: Live) -> Iterator[Page]:
    with opened(browser, desk.base) as page:
        sit(page, desk, "analyst")
        page.goto("/console/review/")
        yield page


def labels(live: Live) -> list[str | None]:
    store = open_for_command(live.settings)
    found = [one.label for one in store.search_results(Filter(label="any"), "newest", 99)]
    store.close()
    return found


def shown(page: Page) -> str:
    return str(page.locator("#review a").first.get_attribute("href"))


def test_by_keyboard_alone_with_undo(reviewing: Page, desk: Live) -> None:
    before, first = labels(desk), shown(reviewing)
    reviewing.keyboard.press("g")
    expect(reviewing.locator("#review a").first).not_to_have_attribute("href", first)
    second = shown(reviewing)
    reviewing.keyboard.press("d")
    expect(reviewing.locator("#review a").first).not_to_have_attribute("href", second)
    assert sorted(map(str, labels(desk))) == sorted([*map(str, before), "deepfake", "genuine"])
    reviewing.keyboard.press("z")
    expect(reviewing.locator("#review a").first).to_have_attribute("href", second)
    assert len(labels(desk)) == len(before) + 1
    reviewing.keyboard.press("n")
    expect(reviewing.locator("#review a").first).not_to_have_attribute("href", second)


def test_the_page_comes_before_its_result_is_looked_for(desk: Live) -> None:
    page = client(desk, "analyst").get(f"{desk.base}/console/review/?queue=warned").text
    assert "The next result is being looked for." in page
    assert "/console/review/next?queue=warned" in page
    assert "data-key" not in page


def test_a_result_that_does_not_come_is_not_promised_for_ever(reviewing: Page, desk: Live) -> None:
    reviewing.route("**/review/next*", lambda route: route.abort())
    reviewing.reload()
    expect(reviewing.locator("#review")).to_contain_text("This part of the page did not come.")
    reviewing.unroute("**/review/next*")
    reviewing.reload()
    expect(reviewing.locator("#review [data-key=g]")).to_have_count(1)


def test_keys_that_are_typed_into_a_note_decide_nothing(reviewing: Page, desk: Live) -> None:
    before, first = labels(desk), shown(reviewing)
    reviewing.get_by_label("Note").fill("")
    reviewing.get_by_label("Note").press_sequentially("good dung <script>boom()</script>")
    assert shown(reviewing) == first
    assert labels(desk) == before
    reviewing.get_by_role("button", name="Unsure").click()
    expect(reviewing.locator("#review a").first).not_to_have_attribute("href", first)
    reviewing.goto(first)
    expect(reviewing.locator("main")).to_contain_text("<script>boom()</script>")


def test_the_picture_is_shown_where_it_was_kept(reviewing: Page) -> None:
    image = reviewing.locator("#review img")
    assert image.evaluate("image => image.naturalWidth") > 100


def test_a_second_opinion_is_asked_of_somebody_else_and_hides_the_first(
    reviewing: Page, browser: Browser, desk: Live
) -> None:
    first = shown(reviewing)
    reviewing.keyboard.press("g")
    expect(reviewing.locator("#review a").first).not_to_have_attribute("href", first)
    reviewing.goto("/console/review/?queue=second")
    expect(reviewing.locator("#review")).to_contain_text("Nothing waits here.")
    with opened(browser, desk.base) as other:
        sit(other, desk, "administrator")
        other.goto("/console/review/?queue=second")
        expect(other.locator("#review")).to_contain_text("A second opinion")
        assert other.locator("#review .tag").count() == 0
        other.keyboard.press("d")
    assert None not in labels(desk)


def test_the_rates_stand_below_with_their_intervals(reviewing: Page) -> None:
    reviewing.goto("/console/review/?queue=random")
    first = shown(reviewing)
    reviewing.keyboard.press("g")
    expect(reviewing.locator("#review a").first).not_to_have_attribute("href", first)
    reviewing.reload()
    row = reviewing.locator("tr", has_text="Random sample")
    expect(row).to_contain_text("of 1")
    expect(row).to_contain_text("%")


def test_two_who_disagree_make_it_unsure(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "facegate.db")
    (one,) = results(1)
    store.put_result(one)
    reviews = Reviews(store)
    reviews.say(one, "ada", "genuine", "", "random")
    assert reviews.say(one, "bob", "deepfake", "sure", "second").label == "unsure"
    assert store.find_by_id(one.id).label == "unsure"  # type: ignore[union-attr]
    assert reviews.take_back(one, "bob").label == "genuine"  # type: ignore[union-attr]
    assert reviews.take_back(one, "bob") is None
    assert reviews.take_back(one, "ada").label is None  # type: ignore[union-attr]
    assert reviews.get(one.id) is None
    assert store.find_by_id(one.id).label is None  # type: ignore[union-attr]


def test_rates_are_what_people_found_against_what_the_service_said(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "facegate.db")
    reviews = Reviews(store)
    for one in results(20):
        store.put_result(one)
        reviews.say(
            one, "ada", "genuine" if one.analysis["score"] < 0.9 else "deepfake", "", "random"
        )
    everything = list(reviews.since())
    refused = sum(one.decision != "bona_fide" for one in everything if one.label == "genuine")
    assert bpcer(everything).wrong == refused
    assert apcer(everything).wrong == 0
    assert list(reviews.since(4e9)) == []


@pytest.mark.parametrize(
    ("wrong", "of", "low", "high"), [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (0, 0, 0, 1)]
)
def test_the_interval_is_wilsons(wrong: int, of: int, low: float, high: float) -> None:
    found = rate(wrong, of)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


def test_what_was_reviewed_becomes_a_labelled_folder(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, store="sqlite")
    store = open_for_command(settings)
    reviews = Reviews(store)
    said = ["genuine", "deepfake", "unsure", "genuine"]
    for one, label, image in zip(results(4), said, [b"a", b"b", b"c", None], strict=True):
        store.put_result(replace(one, image=image))
        reviews.say(one, "ada", label, "", "random")  # type: ignore[arg-type]
    store.close()
    (tmp_path / "out").mkdir()
    assert write(settings, 0.0, tmp_path / "out") == 2
    found = {f.parent.name: f.read_bytes() for f in (tmp_path / "out").glob("*/*")}
    assert found == {"real": b"a", "fake": b"b"}
    with pytest.raises(StartupError, match="No reviewed result"):
        write(settings, 4e9, tmp_path / "out")
