"""Try, in a real browser: files, an address, the webcam, what cannot be judged."""

from __future__ import annotations

import pytest
from playwright.sync_api import FilePayload, Page, expect

from tests.images import genuine
from tests.live import Live
from tests.web.conftest import client, form


@pytest.fixture
def trying(analyst: Page) -> Page:
    analyst.goto("/console/try/")
    return analyst


def a_file(name: str = "selfie.jpg", data: bytes | None = None) -> FilePayload:
    return {"name": name, "mimeType": "image/jpeg", "buffer": data or genuine()}


def test_it_says_what_to_do_next(trying: Page) -> None:
    expect(trying.locator("[data-empty]")).to_contain_text("Nothing has been judged yet.")


def test_several_files_get_a_row_each_and_all_that_was_found(trying: Page) -> None:
    trying.set_input_files("#media", [a_file("one.jpg"), a_file("two.jpg", b"no picture")])
    rows = trying.locator("#answers > details")
    expect(rows).to_have_count(2)
    expect(rows.nth(0).locator("summary").first).to_contain_text("INVALID_IMAGE")
    judged = rows.nth(1)
    expect(judged.locator("summary").first).to_contain_text("one.jpg")
    judged.locator("summary").first.click()
    for text in ("Genuine", "SHA-256", "steady", "1.0.0", "BPCER of 5.0 %", "infer"):
        expect(judged).to_contain_text(text)
    expect(judged.locator("svg.faces rect.counted")).to_have_count(1)
    assert judged.locator(".picture img").first.evaluate("image => image.naturalWidth") > 100
    expect(trying.locator("[data-progress]")).to_have_attribute("value", "2")
    assert '"sha256"' in (judged.locator("pre").first.text_content() or "")
    assert "-F media=@one.jpg" in (judged.locator("pre").nth(1).text_content() or "")


def test_the_raw_answer_and_the_curl_line_are_copied(trying: Page) -> None:
    trying.context.grant_permissions(["clipboard-read", "clipboard-write"])
    trying.set_input_files("#media", a_file("one.jpg"))
    row = trying.locator("#answers > details")
    expect(row.locator("pre").first).to_contain_text("sha256")
    row.evaluate("row => [row, ...row.querySelectorAll('details')].forEach(one => one.open = true)")
    for number, known in enumerate(('"sha256"', "-F media=@one.jpg")):
        row.locator("[data-copy]").nth(number).click()
        wanted = row.locator("pre").nth(number).text_content() or ""
        assert known in wanted
        trying.wait_for_function(
            "wanted => navigator.clipboard.readText().then(text => text === wanted)", arg=wanted
        )


def test_the_heat_map_lies_over_the_picture_as_strongly_as_one_likes(trying: Page) -> None:
    trying.set_input_files("#media", a_file())
    slider, heat = trying.locator("[data-heat-slider]"), trying.locator("[data-heat]")
    expect(slider).to_be_visible()
    slider.fill("20")
    assert heat.evaluate("image => image.style.opacity") == "0.2"


def test_a_picture_of_the_webcam(trying: Page) -> None:
    trying.get_by_role("button", name="Use the webcam").click()
    trying.get_by_role("button", name="Take the picture").click()
    # The camera of the test shows no face.
    expect(trying.locator("#answers > details summary")).to_contain_text("FACE_NOT_FOUND")
    expect(trying.locator("[data-webcam]")).to_be_hidden()


def test_an_inner_address_is_refused_by_the_guarded_fetcher(trying: Page) -> None:
    trying.fill("[data-url]", "http://127.0.0.1:1/secret.jpg")
    trying.get_by_role("button", name="Fetch and judge").click()
    expect(trying.locator("#answers > details summary")).to_contain_text("URL_REFUSED")


@pytest.mark.parametrize(
    "name", ["<img src=x onerror=boom()>.jpg", "'\"><script>boom()</script>.jpg"]
)
def test_a_files_name_runs_nothing(trying: Page, name: str) -> None:
    trying.set_input_files("#media", a_file(name))
    row = trying.locator("#answers > details")
    expect(row.locator("summary").first).to_contain_text("Genuine")
    assert row.locator("script").count() == 0
    assert row.locator("img[src=x]").count() == 0


def test_after_the_session_ended_the_page_leads_to_the_form(trying: Page) -> None:
    trying.context.clear_cookies(name="facegate_session")
    trying.set_input_files("#media", a_file())
    expect(trying).to_have_title("Log in · Facegate")


def test_what_was_judged_is_the_operators_and_costs_no_quota(console: Live) -> None:
    session = client(console, "analyst")
    data = form(session, console, "/console/try/")
    answer = session.post(
        f"{console.base}/console/try/", data=data, files={"media": ("a.jpg", genuine())}
    )
    assert answer.status_code == 200
    assert "/console/results/res_" in answer.text
    assert console.results().json()["results"] == []


def test_a_viewer_judges_nothing(console: Live) -> None:
    session = client(console, "viewer")
    assert session.get(f"{console.base}/console/try/").status_code == 403
    data = form(session, console, "/console/results/")
    answer = session.post(
        f"{console.base}/console/try/", data=data, files={"media": ("a.jpg", genuine())}
    )
    assert answer.status_code == 403


def test_neither_file_nor_address_is_told(console: Live) -> None:
    session = client(console, "analyst")
    answer = session.post(
        f"{console.base}/console/try/", files=_fields(form(session, console, "/console/try/"))
    )
    assert (answer.status_code, "Choose a file" in answer.text) == (400, True)


def _fields(values: dict[str, str]) -> dict[str, tuple[None, str]]:
    return {name: (None, value) for name, value in values.items()}
