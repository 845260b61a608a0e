"""Logging in and out, roles, and what holds strangers off: over HTTP and in a real browser."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from service.accounts import People
from service.app import create_app
from service.settings import Settings
from service.store import open_for_command
from tests.live import Live
from tests.web.browser import log_in, opened
from tests.web.conftest import PASSWORD, client, form


def test_who_is_not_logged_in_is_led_to_the_form_and_back(visitor: Page) -> None:
    visitor.goto("/console/people/")
    expect(visitor).to_have_title("Log in · Facegate")
    visitor.fill("[name=username]", "Administrator")
    visitor.fill("[name=password]", PASSWORD)
    visitor.press("[name=password]", "Enter")
    expect(visitor.locator("h1")).to_have_text("People")


def test_a_wrong_password_is_told_in_a_sentence(visitor: Page) -> None:
    visitor.goto("/console/login")
    visitor.fill("[name=username]", "viewer")
    visitor.fill("[name=password]", "wrong horse battery")
    visitor.press("[name=password]", "Enter")
    expect(visitor.get_by_role("alert")).to_contain_text("User name or password is wrong.")
    expect(visitor.locator("[name=username]")).to_have_value("viewer")


def test_the_session_is_in_a_cookie_that_no_script_reads(administrator: Page) -> None:
    (cookie,) = (c for c in administrator.context.cookies() if c["name"] == "facegate_session")
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", "/console")
    assert "facegate_session" not in administrator.evaluate("document.cookie")


def test_after_logging_out_the_old_cookie_opens_nothing(administrator: Page, console: Live) -> None:
    (cookie,) = (c for c in administrator.context.cookies() if c["name"] == "facegate_session")
    administrator.click(".me summary")
    administrator.get_by_role("button", name="Log out", exact=True).click()
    expect(administrator).to_have_title("Log in · Facegate")
    kept = {"facegate_session": cookie["value"]}
    answer = requests.get(f"{console.base}/console/people/", cookies=kept, allow_redirects=False)
    assert answer.status_code == 302


def test_logging_out_everywhere_ends_the_other_browser_too(browser: Browser, console: Live) -> None:
    store = open_for_command(console.settings)
    People(console.settings, store).add("leaver", PASSWORD, "viewer")
    store.close()
    with opened(browser, console.base) as one, opened(browser, console.base) as other:
        for page in (one, other):
            log_in(page, "leaver", PASSWORD)
        one.click(".me summary")
        one.get_by_role("button", name="Log out everywhere").click()
        expect(one).to_have_title("Log in · Facegate")
        other.goto("/console/results/")
        expect(other).to_have_title("Log in · Facegate")


def test_an_administrator_adds_somebody_changes_the_role_and_removes_them(
    administrator: Page, console: Live
) -> None:
    administrator.goto("/console/people/")
    administrator.fill("[name=username]", "grace")
    administrator.fill("[name=password]", PASSWORD)
    administrator.get_by_role("button", name="Add a person").click()
    expect(administrator.locator("#notice")).to_have_text("Added.")
    administrator.get_by_label("Role of grace").select_option("analyst")
    row = administrator.locator("tr", has_text="grace")
    row.get_by_role("button", name="Change").click()
    expect(administrator.get_by_label("Role of grace")).to_have_value("analyst")
    administrator.get_by_role("button", name="Remove grace").click()
    expect(administrator.locator("tr", has_text="grace")).to_have_count(0)


def test_the_last_administrator_stays(administrator: Page) -> None:
    administrator.goto("/console/people/")
    administrator.get_by_role("button", name="Remove administrator").click()
    expect(administrator.get_by_role("alert")).to_contain_text("the last administrator")


@pytest.mark.parametrize("role", ["viewer", "analyst"])
def test_other_roles_see_no_people(console: Live, role: str) -> None:
    answer = client(console, role).get(f"{console.base}/console/people/")
    assert answer.status_code == 403
    assert "Your role does not include this page." in answer.text


@pytest.mark.parametrize("token", [{}, {"csrf": "x"}])
def test_without_the_token_of_the_page_nothing_is_done(
    console: Live, token: dict[str, str]
) -> None:
    session = client(console, "administrator")
    new = {"username": "mallory", "password": PASSWORD, "role": "administrator"}
    answer = session.post(f"{console.base}/console/people/", data=new | token)
    assert (answer.status_code, "WRONG_FORM" in answer.text) == (403, True)
    assert "mallory" not in session.get(f"{console.base}/console/people/").text


def test_no_form_of_any_page_works_without_its_token(console: Live, tmp_path: Path) -> None:
    app = create_app(Settings(store="null", data_dir=tmp_path))
    rules = [r for r in app.url_map.iter_rules() if r.rule.startswith("/console/")]
    paths = {re.sub(r"<[^>]+>", "x", r.rule) for r in rules if "POST" in (r.methods or ())}
    assert len(paths) > 12
    session = client(console, "administrator")
    for path in paths:
        for wrong in ({}, {"csrf": "x"}):
            answer = session.post(console.base + path, data=wrong, headers={"HX-Request": "true"})
            assert (answer.status_code, "WRONG_FORM" in answer.text) == (403, True), path


def test_a_name_that_would_be_a_program_is_refused_and_shown_as_text(console: Live) -> None:
    evil = "<script>boom()</script>"
    session = client(console, "administrator")
    data = form(session, console, "/console/people/")
    data |= {"username": evil, "password": PASSWORD, "role": "viewer"}
    answer = session.post(f"{console.base}/console/people/", data=data)
    assert (answer.status_code, evil in answer.text) == (400, False)
    stranger = requests.Session()
    data = form(stranger, console) | {"username": evil, "password": PASSWORD}
    answer = stranger.post(f"{console.base}/console/login", data=data)
    assert evil not in answer.text
    assert "&lt;script&gt;" in answer.text


def test_a_damaged_form_is_told_in_a_sentence(console: Live) -> None:
    session = client(console, "administrator")
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = session.post(f"{console.base}/console/people/", data=b"--x\r\nbroken", headers=kind)
    assert (answer.status_code, "malformed" in answer.text) == (400, True)


def test_another_sites_form_is_refused_though_its_token_is_right(console: Live) -> None:
    session = client(console, "administrator")
    new = {"username": "mallory", "password": PASSWORD, "role": "administrator"}
    new |= form(session, console, "/console/people/")
    headers = {"Origin": "http://evil.example"}
    answer = session.post(f"{console.base}/console/people/", data=new, headers=headers)
    assert answer.status_code == 403


def test_a_login_leads_to_no_other_site(console: Live) -> None:
    session = requests.Session()
    for target in ("//evil.example/", "https://evil.example/", "/console/\\evil", "/v1/results"):
        data = form(session, console) | {"username": "viewer", "password": PASSWORD}
        answer = session.post(
            f"{console.base}/console/login", data=data | {"next": target}, allow_redirects=False
        )
        assert answer.headers["Location"] == "/console/", target


def test_pages_are_sent_with_a_policy_without_exceptions(console: Live) -> None:
    answer = requests.get(f"{console.base}/console/login")
    policy = answer.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert answer.headers["Cache-Control"] == "no-store"
    assert "style=" not in answer.text


def test_what_is_not_there_is_said_as_a_page(console: Live) -> None:
    answer = client(console, "viewer").get(f"{console.base}/console/nowhere")
    assert (answer.status_code, "<h1>This did not work</h1>" in answer.text) == (404, True)
