"""Try, in a real browser: what is dropped, what is pasted, videos and recordings."""

from __future__ import annotations

import base64

import pytest
from playwright.sync_api import JSHandle, Locator, Page, expect

from tests.clips import faces, video
from tests.images import genuine
from tests.voices import SPOKEN

CARRIER = """files => {
  const carrier = new DataTransfer();
  for (const [name, type, data] of files) {
    const bytes = Uint8Array.from(atob(data), one => one.charCodeAt(0));
    carrier.items.add(new File([bytes], name, {type}));
  }
  return carrier;
}"""
PASTE = """carrier => document.body.dispatchEvent(
  new ClipboardEvent("paste", {clipboardData: carrier, bubbles: true}))"""
SELFIE = ("image/jpeg", genuine())


@pytest.fixture
def trying(analyst: Page) -> Page:
    analyst.goto("/console/try/")
    return analyst


def carrier(page: Page, *files: tuple[str, str, bytes]) -> JSHandle:
    """What a browser gives a page of files that are dragged or lie in the clipboard."""
    plain = [(name, kind, base64.b64encode(data).decode()) for name, kind, data in files]
    return page.evaluate_handle(CARRIER, plain)


def judged(page: Page, name: str) -> Locator:
    """The open row of one medium."""
    row = page.locator("#answers > details", has_text=name)
    expect(row.locator("summary .tag").first).to_have_text("Genuine", timeout=60_000)
    if row.get_attribute("open") is None:
        row.locator("summary").first.click()
    return row


def test_several_files_are_dropped_at_once(trying: Page) -> None:
    files = [("one.jpg", *SELFIE), ("two.jpg", *SELFIE), ("three.txt", "text/plain", b"no picture")]
    given, place = carrier(trying, *files), trying.locator("[data-drop]")
    place.dispatch_event("dragover", {"dataTransfer": given})
    expect(place).to_contain_class("over")
    place.dispatch_event("drop", {"dataTransfer": given})
    expect(place).not_to_contain_class("over")
    expect(trying.locator("#answers > details")).to_have_count(3)
    judged(trying, "one.jpg")
    judged(trying, "two.jpg")
    expect(trying.locator("#answers > details", has_text="three.txt")).to_contain_text("INVALID")
    expect(trying.locator("[data-progress]")).to_have_attribute("value", "3")


def test_a_picture_is_pasted(trying: Page) -> None:
    trying.evaluate(PASTE, carrier(trying, ("image.png", *SELFIE)))
    assert judged(trying, "image.png").locator("svg.faces rect.counted").count() == 1


def test_text_that_is_pasted_into_a_field_is_no_file(trying: Page) -> None:
    trying.evaluate(PASTE, carrier(trying))
    expect(trying.locator("[data-empty]")).to_be_visible()


def test_a_video_has_a_course_and_a_click_on_it_leads_the_player_there(trying: Page) -> None:
    clip = video(faces(10, (240, 240)), "webm", rate=5)
    payload = {"name": "clip.webm", "mimeType": "video/webm", "buffer": clip}
    trying.set_input_files("#media", payload)  # type: ignore[arg-type]
    row = judged(trying, "clip.webm")
    _seeks(row, "video")


def test_a_recorded_voice_has_one_as_well(trying: Page) -> None:
    payload = {"name": "voice.flac", "mimeType": "audio/flac", "buffer": SPOKEN.read_bytes()}
    trying.set_input_files("#media", payload)  # type: ignore[arg-type]
    _seeks(judged(trying, "voice.flac"), "audio")


def _seeks(row: Locator, kind: str) -> None:
    moments = row.locator("[data-seek]")
    assert moments.count() >= 2
    player = row.locator(kind)
    expect(player).to_have_js_property("currentTime", 0)
    player.evaluate("p => p.readyState || new Promise(done => p.onloadedmetadata = done)")
    wanted = float(moments.last.get_attribute("data-seek") or 0)
    assert wanted > 0
    moments.last.click()
    assert abs(player.evaluate("p => p.currentTime") - wanted) < 0.1
