"""Debian's Chromium, driven by Playwright: one for all tests, an empty profile for each page."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
QUIET = [
    *("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--disable-features=OptimizationHints,MediaRouter,Translate,AutofillServerCommunication",
    *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"),
    # What tries to leave gets nowhere.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@contextmanager
def opened(browser: Browser, base: str, **options: Any) -> Iterator[Page]:
    """A page with an empty profile. At its end it must have asked no other host, broken no policy
    and thrown no error."""
    page = _spare(base) if not options else None
    page = page or _new(browser, base, options)
    wrong: list[str] = []
    watch: dict[Any, Any] = {
        "pageerror": lambda error: wrong.append(f"error: {error}"),
        "console": lambda m: wrong.append(m.text) if "Security Policy" in m.text else None,
        "request": lambda r: wrong.append(r.url) if not _local(r.url, base) else None,
    }
    for event, look in watch.items():
        page.on(event, look)
    try:
        yield page
        for event, look in watch.items():
            page.remove_listener(event, look)
    except BaseException:
        page.context.close()
        raise
    _keep(page, base) if not options else page.context.close()
    assert wrong == []


def _new(browser: Browser, base: str, options: dict[str, Any]) -> Page:
    context = browser.new_context(base_url=base, **options)
    context.set_default_timeout(10_000)
    return context.new_page()


# A new profile and its process cost more than most tests: the next test of the same service gets
# the page of the one before, emptied. Of one at a time, by its address.
SPARE: dict[str, Page] = {}


def _spare(base: str) -> Page | None:
    found = SPARE.pop(base, None)
    while SPARE:
        SPARE.popitem()[1].context.close()
    return found


def _keep(page: Page, base: str) -> None:
    """Without what the test has left in it; what it listens to it must forget by itself."""
    page.unroute_all()
    if page.url.startswith(base):
        page.evaluate("() => { localStorage.clear(); sessionStorage.clear() }")
    page.goto("about:blank")
    for other in page.context.pages[1:]:
        other.close()
    page.context.clear_cookies()
    page.context.clear_permissions()
    if base in SPARE:  # two at once
        page.context.close()
    SPARE.setdefault(base, page)


def log_in(page: Page, name: str, password: str) -> None:
    """Through the form."""
    page.goto("/console/login")
    page.fill("[name=username]", name)
    page.fill("[name=password]", password)
    page.click("main form button")
    page.wait_for_url(lambda url: "/login" not in url)


def arrive(page: Page, path: str) -> None:
    """Go to a page of the console, and wait for the parts that come after it."""
    page.goto(f"/console/{path}")
    expect(page.locator("[data-coming]")).to_have_count(0)


def picture(page: Page, folder: Path, name: str) -> None:
    """A screenshot, kept as an artefact of the tests."""
    page.screenshot(path=folder / f"{name}.png")


def _local(url: str, base: str) -> bool:
    return url.startswith((base, "data:", "blob:"))
