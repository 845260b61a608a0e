"""What holds for every page: accessible, harmless whatever names say, small enough for a phone."""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from flask import Flask
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from scripts import vendor
from service.app import create_app
from service.judging.reviews import Reviews
from service.settings import Settings
from service.store import open_for_command
from service.web.texts import FILE, texts
from tests.images import genuine
from tests.live import Live
from tests.web.browser import arrive, opened, picture
from tests.web.conftest import seat_people, sit
from tests.web.seeds import results

EVIL = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
PAGES = [
    *("try/", "results/", "review/", "review/?queue=random", "images/", "operations/"),
    *("operating-point/", "licences/", "people/"),
]
TEMPLATES = FILE.parent / "templates"
# All that it finds is long: only what is asked for leaves the page.
SERIOUS = """async options => (await axe.run(options)).violations
    .filter(one => ["serious", "critical"].includes(one.impact))
    .map(one => `${one.id}: ${one.nodes[0].html.slice(0, 160)}`)"""
KEPT = Path(__file__).parents[2] / "build" / "screenshots"  # artefacts, for people to look at


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """The console over some of everything, with names that would like to be programs."""
    folder = tmp_path_factory.mktemp("pages")
    with Live(folder, probability=0.233, login_attempts=1000, store_images="true") as live:
        seat_people(live)
        live.issue(name=EVIL[:100], per_day=5)
        store = open_for_command(live.settings)
        for number, one in enumerate(results(60)):
            image = evil_exif() if number < 4 else None
            store.put_result(replace(one, image=image, contract=EVIL))
            if number < 8:
                Reviews(store).say(one, EVIL, "genuine", EVIL, "random")
        store.close()
        yield live


@pytest.fixture
def boss(browser: Browser, full: Live) -> Iterator[Page]:
    with opened(browser, full.base) as page:
        sit(page, full, "administrator")
        yield page


def evil_exif() -> bytes:
    """A selfie whose EXIF data would like to be a program."""
    exif = Image.Exif()
    exif[0x010E] = exif[0x013B] = exif[0x9286] = EVIL
    out = io.BytesIO()
    Image.open(io.BytesIO(genuine())).save(out, "JPEG", exif=exif)
    return out.getvalue()


def test_nothing_serious_for_those_who_see_or_move_less_in_the_dark(
    browser: Browser, full: Live
) -> None:
    """The other pages are looked at in the light and in the dark by test_states.py."""
    with opened(browser, full.base, color_scheme="dark") as page:
        page.goto("/console/login")
        found = {"login": serious(page)}
        sit(page, full, "administrator")
        page.goto("/console/results/")
        page.locator("tbody a").first.click()
        found["result"] = serious(page)
    assert {path: wrong for path, wrong in found.items() if wrong} == {}


def serious(page: Page, rule: str = "") -> list[str]:
    """What axe-core finds by all its rules, or by one, of those that keep people out."""
    if page.evaluate("typeof axe") == "undefined":
        page.evaluate(AXE_SCRIPT)
    only = {"runOnly": {"type": "rule", "values": [rule]}} if rule else {}
    return list(page.evaluate(SERIOUS, {"resultTypes": ["violations"], **only}))


def test_no_name_and_no_note_is_a_program(boss: Page) -> None:
    for path in PAGES:
        arrive(boss, path)
        assert "owned" not in boss.title(), path
        assert boss.locator("main script, main img[src=x]").count() == 0, path


def test_the_detail_of_a_result_shows_a_note_as_it_was_written(boss: Page) -> None:
    boss.goto("/console/results/?label=genuine")
    boss.locator("tbody a").first.click()
    expect(boss.locator("main")).to_contain_text("<script>document.title='owned'</script>")
    assert "owned" not in boss.title()


def test_an_evil_address_is_shown_and_not_run(boss: Page) -> None:
    boss.goto("/console/try/")
    boss.fill("[data-url]", f"http://127.0.0.1/{EVIL}")
    boss.get_by_role("button", name="Fetch and judge").click()
    expect(boss.locator("#answers summary")).to_contain_text("URL_")
    assert "owned" not in boss.title()


def test_a_picture_with_evil_exif_is_judged_and_nothing_runs(boss: Page) -> None:
    boss.goto("/console/try/")
    payload = {"name": "evil.jpg", "mimeType": "image/jpeg", "buffer": evil_exif()}
    boss.set_input_files("#media", payload)  # type: ignore[arg-type]
    expect(boss.locator("#answers summary .tag").first).to_have_text("Genuine")
    assert "owned" not in boss.title()
    assert boss.locator("#answers script, #answers img[src=x]").count() == 0


def test_a_picture_with_evil_exif_is_shown_without_it(boss: Page, full: Live) -> None:
    boss.goto("/console/images/")
    source = boss.locator("figure img").first.get_attribute("src")
    body = boss.request.get(f"{full.base}{source}").body()
    assert body[:2] == b"\xff\xd8"
    assert b"owned" not in body


def test_on_a_phone_nothing_sticks_out(browser: Browser, full: Live) -> None:
    wide = {}
    with opened(browser, full.base, viewport={"width": 375, "height": 700}) as page:
        sit(page, full, "administrator")
        for path in PAGES:
            arrive(page, path)
            wide[path] = page.evaluate("document.documentElement.scrollWidth")
    assert {path: width for path, width in wide.items() if width > 375} == {}


def test_the_keyboard_leads_through_a_page_in_its_order(boss: Page) -> None:
    boss.goto("/console/results/")
    boss.keyboard.press("Tab")
    assert boss.evaluate("document.activeElement.className") == "skip"
    boss.keyboard.press("Enter")
    boss.keyboard.press("Tab")
    assert boss.evaluate("document.activeElement.closest('main') !== null")


def test_screenshots(boss: Page) -> None:
    folder = KEPT
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for path in PAGES:
        arrive(boss, path)
        picture(boss, folder, path.strip("/").partition("/")[0])
    assert len(list(folder.iterdir())) == len({path.partition("/")[0] for path in PAGES})


def test_every_text_that_a_template_names_is_there() -> None:
    keys = {
        key
        for file in TEMPLATES.rglob("*.html")
        for key in re.findall(r"\bt\('(\w+\.\w+)'[,)]", file.read_text())
    }
    assert len(keys) > 100
    assert [
        key for key in sorted(keys) if key.split(".")[1] not in texts()[key.split(".")[0]]
    ] == []


def test_no_template_holds_a_program_or_a_style() -> None:
    for file in TEMPLATES.rglob("*.html"):
        text = file.read_text()
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?! src=)|\|\s*safe", text), (
            file.name
        )


def test_the_libraries_are_those_that_were_pinned() -> None:
    assert vendor.sums() == (vendor.FOLDER / vendor.SUMS).read_text()
    for one in vendor.packages():
        assert one["integrity"].startswith("sha512-")
        assert one["licence"] in ("0BSD", "MIT")
        assert "http" not in str(one)


def app(**settings: object) -> Flask:
    return create_app(Settings(store="null", **settings))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "on"),
    [
        ({}, True),
        ({"host": "::1"}, True),
        ({"host": "0.0.0.0"}, False),
        ({"host": "gateway.internal"}, False),
        ({"host": "0.0.0.0", "console": "on"}, True),
        ({"console": "off"}, False),
    ],
)
def test_it_is_off_where_others_reach_the_service(
    settings: dict[str, str], on: bool, tmp_path: Path
) -> None:
    rules = [rule.rule for rule in app(data_dir=tmp_path, **settings).url_map.iter_rules()]
    assert any(rule.startswith("/console") for rule in rules) == on


def test_every_page_but_the_entrance_asks_for_a_session(tmp_path: Path) -> None:
    client = app(data_dir=tmp_path, trusted_proxies=("127.0.0.1/32",)).test_client()
    rules = [r for r in client.application.url_map.iter_rules() if r.rule.startswith("/console")]
    open_rules = {"/console/login", "/console/static/<path:name>"}
    assert open_rules < {rule.rule for rule in rules}
    for rule in rules:
        if rule.rule in open_rules:
            continue
        path = re.sub(r"<[^>]+>", "x", rule.rule)
        for method in (rule.methods or set()) & {"GET", "POST"}:
            answer = client.open(path, method=method)
            assert answer.status_code in (302, 401, 403), (method, path)


def test_behind_a_trusted_proxy_with_tls_the_cookie_is_secure(tmp_path: Path) -> None:
    client = app(data_dir=tmp_path, trusted_proxies=("127.0.0.1/32",)).test_client()
    plain = client.get("/console/login", headers={"X-Forwarded-For": "192.0.2.1"})
    assert "came without encryption" in plain.text
    secure = client.get(
        "/console/login", headers={"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https"}
    )
    assert "came without encryption" not in secure.text
    assert "Secure" in secure.headers["Set-Cookie"]


def test_what_a_stranger_says_of_tls_counts_for_nothing(tmp_path: Path) -> None:
    client = app(data_dir=tmp_path).test_client()
    answer = client.get("/console/login", headers={"X-Forwarded-Proto": "https"})
    assert "Secure" not in answer.headers["Set-Cookie"]


def test_without_a_store_it_says_why_nobody_gets_in(tmp_path: Path) -> None:
    assert "runs without a store" in app(data_dir=tmp_path).test_client().get("/console/login").text


def test_the_rooms_stand_in_the_order_of_the_work(boss: Page) -> None:
    boss.goto("/console/")
    names = boss.locator("header nav a").all_inner_texts()
    assert names[:4] == ["Try", "Results", "Review", "Images"]
    assert boss.url.endswith("/console/try/")
