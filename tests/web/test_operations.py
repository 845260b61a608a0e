"""Operations, licences, images and the operating point, in a real browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Dialog, Page, expect

from service.accounts import People
from service.settings import Settings, applied_bpcer, apply_bpcer, load_settings
from service.store import open_for_command
from service.store.search import Filter
from service.web import figures
from service.web.shown import size
from tests.images import genuine
from tests.live import Live, steady_models
from tests.waiting import eventually
from tests.web.browser import opened
from tests.web.conftest import PASSWORD, client, form, seat_people, sit
from tests.web.seeds import a_point, results

POINTS = [{"bpcer": 0.02, "threshold": 0.9}, {"bpcer": 0.05, "threshold": 0.5}]
DAY = 86400


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """The console over 200 results with pictures, and a model with two operating points."""
    folder = tmp_path_factory.mktemp("running")
    models = steady_models(folder / "models", 0.233)
    (file,) = (f for f in models.glob("*/manifest.json") if '"steady"' in f.read_text())
    file.write_text(json.dumps(json.loads(file.read_text()) | {"operating_points": POINTS}))
    more = {"audit": "best-effort", "login_attempts": 1000, "store_images": "true"}
    with Live(folder, models_dir=models, **more) as live:
        seat_people(live)
        judged_by = live.get("/v1/model-card").json()["fingerprint"]
        store = open_for_command(live.settings)
        for number, one in enumerate(results(200)):
            image = genuine() if number < 6 else None
            store.put_result(replace(one, image=image, fingerprint=judged_by))
        store.close()
        yield live


@pytest.fixture
def boss(browser: Browser, running: Live) -> Iterator[Page]:
    with opened(browser, running.base) as page:
        page.on("dialog", accept)
        sit(page, running, "administrator")
        yield page
        page.remove_listener("dialog", accept)


def accept(dialog: Dialog) -> None:
    dialog.accept()


def acts_of(live: Live) -> str:
    """The bodies of the audit log."""
    store = open_for_command(live.settings)
    found = "\n".join(one.body for one in store.read_audit())
    store.close()
    return found


def test_operations_show_what_happens(boss: Page) -> None:
    boss.goto("/console/operations/")
    main = boss.locator("main")
    card = "the genuine faces in the test data of the model card"
    known = ("Decisions per hour", "Scores of the last 24 hours", "Workers ready", "sqlite")
    for text in (*known, card, "Your own first 1000 results with these models become"):
        expect(main).to_contain_text(text)
    assert boss.locator("svg.chart .bar").count() > 5
    expect(boss.locator("svg.chart .line")).to_have_count(1)
    expect(boss.locator("svg.chart .mark")).to_have_count(1)
    expect(main).to_contain_text("of 200 media were refused")


def test_the_whole_curve_is_drawn_with_the_threshold_in_force(boss: Page) -> None:
    boss.goto("/console/operating-point/")
    expect(boss.locator("svg.det .line")).to_have_count(1)
    expect(boss.locator("svg.det .here")).to_have_count(1)
    expect(boss.locator("main")).to_contain_text("At a threshold of 0.5000, in force: BPCER")


def test_an_empty_day_says_what_to_do_next(visitor: Page, console: Live) -> None:
    sit(visitor, console, "viewer")
    visitor.goto("/console/operations/")
    expect(visitor.locator("main")).to_contain_text("Health")


@pytest.mark.parametrize(
    ("refused", "word"), [(5, "usual"), (10, "usual"), (15, "more"), (40, "many")]
)
def test_drift_is_named_in_words(refused: int, word: str) -> None:
    points = [a_point(0.9)] * refused + [a_point(0.1)] * (100 - refused)
    assert figures.drift(points, 0.05).word == word
    assert figures.drift(points[:50], 0.05).word == "few"


def test_hours_and_scores_are_counted() -> None:
    points = [a_point(0.9), a_point(0.1), a_point(0.1, 3601.0), a_point(0.1, 90_000.0)]
    hours = figures.by_hour(points, now=1e9)
    assert (hours.top, hours.bars[-2].title[-3:], hours.bars[-4].title[-3:]) == (2, ": 2", ": 1")
    scores = figures.histogram([a_point(1.0), a_point(0.0)])
    assert [bar.height > 0 for bar in scores.bars].count(True) == 2


def test_a_licence_is_issued_shown_once_and_revoked(boss: Page, running: Live) -> None:
    boss.goto("/console/licences/")
    name = "Bank <b>of</b> Examples"
    section = boss.locator("section", has_text="Issue a licence")
    section.get_by_label("Name").fill(name)
    section.get_by_label("Images a day").fill("5")
    section.get_by_label("explain").uncheck()
    section.get_by_role("button").click()
    hash_id = boss.locator("pre").inner_text().strip()
    assert running.analyze(genuine(), hash_id=hash_id).status_code == 200
    boss.goto("/console/licences/")
    assert hash_id not in boss.content()
    row = boss.locator("tr", has_text=name)
    expect(row).to_contain_text("1 / 5")
    expect(row).to_contain_text("detect, batch, history")
    row.get_by_role("button").click()
    expect(boss.locator("#notice")).to_contain_text("Revoked")
    expect(row).to_contain_text("revoked")


def test_what_is_no_term_is_told(running: Live) -> None:
    session = client(running, "administrator")
    token = form(session, running, "/console/licences/")
    for wrong in ({"name": ""}, {"name": "x", "days": "-1"}, {"name": "x", "per_day": "many"}):
        data = {"feature": "detect"} | token | wrong
        answer = session.post(f"{running.base}/console/licences/", data=data)
        assert answer.status_code == 400, wrong


def test_images_are_shown_judged_again_and_deleted(boss: Page, running: Live) -> None:
    boss.goto("/console/images/")
    boxes = boss.locator("figure [type=checkbox]")
    expect(boxes.nth(5)).to_be_visible()
    assert (
        boss.locator("figure img").first.evaluate(
            "image => image.decode().then(() => image.naturalWidth)"
        )
        > 50
    )
    seeded = boss.locator("figure", has_text="900 × 1200").first
    expect(seeded).to_contain_text(size(len(genuine())))
    then = seeded.locator("figcaption").inner_text().split()[1]
    seeded.get_by_role("checkbox").check()
    boss.get_by_role("button", name="Judge the chosen ones again").click()
    scores = boss.locator("section", has_text="Judged again").locator("td.number")
    expect(scores).to_have_text([then, "0.233"])
    boss.goto("/console/images/")
    before = boxes.count()
    boxes.first.check()
    boxes.nth(1).check()
    boss.get_by_role("button", name="Delete the chosen ones").click()
    expect(boss.locator("#notice")).to_contain_text("Deleted.")
    expect(boxes).to_have_count(before - 2)
    boss.get_by_label("All that are older than").fill("2099-01-01")
    boss.get_by_role("button", name="Delete them").click()
    expect(boss.locator(".empty")).to_contain_text("No picture is kept.")
    store = open_for_command(running.settings)
    assert len(store.search_results(Filter(), "newest", 300)) >= 200
    store.close()


def test_an_analyst_deletes_no_image(running: Live) -> None:
    session = client(running, "analyst")
    token = form(session, running, "/console/try/")
    for path in ("delete", "delete-older"):
        answer = session.post(f"{running.base}/console/images/{path}", data=token)
        assert answer.status_code == 403


def test_who_came_in_and_what_was_exported_is_in_the_audit_log(running: Live) -> None:
    session = client(running, "viewer")
    answer = session.get(f"{running.base}/console/results/export.csv?decision=deepfake&sort=lowest")
    assert answer.status_code == 200
    eventually(lambda: "results exported" in acts_of(running))
    told = [json.loads(line) for line in acts_of(running).splitlines()]
    mine = {one["act"]: one for one in told if one.get("actor") == "console:viewer"}
    assert set(mine) == {"logged in", "results exported"}
    assert mine["results exported"]["filter"] == "decision=deepfake&sort=lowest"


def test_another_operating_point_is_tried_and_applied(boss: Page, running: Live) -> None:
    boss.goto("/console/operating-point/")
    expect(boss.locator(".big")).to_have_text("BPCER 5.0 %")
    slider = boss.locator("[data-point-slider]")
    slider.fill("0")
    expect(boss.get_by_label("BPCER 2.0 %")).to_be_checked()
    row = boss.locator("tr", has=boss.get_by_label("BPCER 2.0 %"))
    assert int(row.locator("td").nth(5).inner_text()) > 0  # let pass that were refused
    boss.get_by_role("button", name="Apply").click()  # the browser asks for the confirmation
    assert applied_bpcer(running.settings.data_dir) is None
    boss.get_by_label("I know that other media").check()
    boss.get_by_role("button", name="Apply").click()
    expect(boss.locator("#notice")).to_contain_text("Kept")
    waiting = "A BPCER of 2.0 % is kept; it counts from the next start of the service."
    expect(boss.locator("main")).to_contain_text(waiting)
    assert applied_bpcer(running.settings.data_dir) == 0.02
    assert '"operating point applied"' in acts_of(running)


def test_without_the_confirmation_nothing_is_applied(running: Live) -> None:
    session = client(running, "administrator")
    data = form(session, running, "/console/operating-point/") | {"bpcer": "0.05"}
    answer = session.post(f"{running.base}/console/operating-point/", data=data)
    assert (answer.status_code, "Confirm" in answer.text) == (400, True)
    answer = session.post(
        f"{running.base}/console/operating-point/", data=data | {"bpcer": "0.9", "sure": "yes"}
    )
    assert (answer.status_code, "field bpcer" in answer.text) == (400, True)


def test_what_was_applied_counts_from_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path
    monkeypatch.setenv("FACEGATE_DATA_DIR", str(folder))
    monkeypatch.delenv("FACEGATE_BPCER", raising=False)
    assert load_settings().bpcer == Settings().bpcer
    apply_bpcer(folder, 0.02)
    found = load_settings()
    assert (found.bpcer, found.bpcer_is_applied, found.bpcer_is_given) == (0.02, True, False)
    monkeypatch.setenv("FACEGATE_STARTED_WITH_BPCER", "")
    assert load_settings().bpcer == Settings().bpcer
    monkeypatch.setenv("FACEGATE_BPCER", "0.1")
    assert (load_settings().bpcer, load_settings().bpcer_is_given) == (0.1, True)


@pytest.mark.parametrize("path", ["licences/", "operating-point/", "people/"])
@pytest.mark.parametrize("role", ["viewer", "analyst"])
def test_pages_of_administrators_are_theirs(running: Live, role: str, path: str) -> None:
    assert client(running, role).get(f"{running.base}/console/{path}").status_code == 403


@pytest.mark.parametrize("path", ["try/", "review/", "images/"])
def test_pages_of_analysts_are_not_for_viewers(running: Live, path: str) -> None:
    assert client(running, "viewer").get(f"{running.base}/console/{path}").status_code == 403


def test_who_logged_out_everywhere_is_in_the_audit_log(running: Live) -> None:
    store = open_for_command(running.settings)
    People(running.settings, store).add("leaver", PASSWORD, "viewer")
    store.close()
    session = client(running, "leaver")
    token = form(session, running, "/console/results/")
    answer = session.post(f"{running.base}/console/logout-everywhere", data=token)
    assert answer.url.endswith("/console/login")
    assert eventually(lambda: "logged out everywhere" in acts_of(running))
    (entry,) = (
        told
        for told in map(json.loads, acts_of(running).splitlines())
        if told.get("act") == "logged out everywhere"
    )
    assert entry["actor"] == "console:leaver"
