"""Every page in a real browser, from an empty installation and from ten thousand results."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.live import Live
from tests.web.browser import opened
from tests.web.conftest import seat_people, sit
from tests.web.test_pages import serious

# What an empty page says to do next.
EMPTY = {
    "try/": "Each file gets a row here",
    "results/": "Judge a selfie under Try",
    "review/": "Look at another queue",
    "review/?queue=warned": "Look at another queue",
    "review/?queue=random": "Look at another queue",
    "review/?queue=second": "Look at another queue",
    "images/": "FACEGATE_STORE_IMAGES=true",
    "operations/": "Judge a selfie under Try",
    "operating-point/": "Judge a selfie under Try",
    "licences/": "Issue one below",
    "people/": "Add a person",
}
# Something that is there because there are results, and how many of it.
FULL = {
    "try/": ("[data-drop]", 1),
    "results/": ("tbody tr", 50),
    "review/": ("#review [data-key=g]", 1),
    "review/?queue=warned": ("#review .tag.warn", 1),
    "review/?queue=random": ("#review [data-key=g]", 1),
    "review/?queue=second": ("#review img", 1),
    "images/": ("figure img", 20),
    "operations/": ("svg.chart .line", 1),
    "operating-point/": ("[data-point] tbody tr", 1),
    "licences/": ("meter", 1),
    "people/": ("tbody tr", 3),
}


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """An installation on which nothing was done but to let people in."""
    with Live(tmp_path_factory.mktemp("empty"), probability=0.233, login_attempts=1000) as live:
        seat_people(live)
        yield live


@pytest.fixture(scope="module", params=["empty", "thousands"])
def looking(request: pytest.FixtureRequest, browser: Browser) -> Iterator[tuple[str, Page]]:
    """An administrator's browser, one for all pages of a state."""
    live: Live = request.getfixturevalue(request.param)
    with opened(browser, live.base, viewport={"width": 1280, "height": 900}) as page:
        sit(page, live, "administrator")
        yield request.param, page


@pytest.fixture
def complaints(looking: tuple[str, Page]) -> list[str]:
    """What the browser writes to its console as an error."""
    told: list[str] = []
    looking[1].on("console", lambda m: told.append(m.text) if m.type == "error" else None)
    return told


@pytest.mark.parametrize("path", EMPTY)
def test_a_page_says_what_to_do_next_or_shows_what_is_there(
    looking: tuple[str, Page], complaints: list[str], path: str
) -> None:
    state, page = looking
    page.goto(f"/console/{path}", wait_until="networkidle")
    main = page.locator("main")
    if state == "empty":
        expect(main).to_contain_text(EMPTY[path])
    else:
        what, count = FULL[path]
        expect(main.locator(what)).to_have_count(count)
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    assert serious(page) == []
    page.emulate_media(color_scheme="dark")  # only the colours are others
    assert serious(page, "color-contrast") == []
    page.emulate_media(color_scheme="light")
    assert complaints == []
