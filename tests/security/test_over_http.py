"""What the parts are tested for elsewhere, once more as the running service tells it."""

from __future__ import annotations

import random
import re
from typing import Any

import pytest
import requests

from tests.images import genuine
from tests.live import Live, data_uri

MIB = 2**20


def judged(live: Live, image: bytes, hash_id: str | None = None) -> requests.Response:
    body = {"hash_id": hash_id or live.hash_id, "image": data_uri(image)}
    return live.post("/v1/analyze", json=body)


def test_another_customer_does_not_learn_that_a_selfie_was_judged(fort: Live) -> None:
    image, other = genuine() + b"once", fort.issue(name="other")
    told = [judged(fort, image, key).json()["cached"] for key in (None, None, other, other)]
    assert told == [False, True, False, True]


@pytest.mark.parametrize("size", [3, 10])
@pytest.mark.parametrize("what", ["noise", "end markers", "a picture"])
def test_what_a_phone_appends_to_a_picture_is_no_damage(fort: Live, what: str, size: int) -> None:
    """Ten megabytes of a film hold bytes that look like the parts of a JPEG."""
    appended = {
        "noise": random.Random(size).randbytes(size * MIB),
        "end markers": b"\xff\xda\xff\xd9" * (size * MIB // 4),
        "a picture": genuine() * (size * MIB // len(genuine())),
    }
    answer = judged(fort, genuine() + appended[what])
    assert (answer.status_code, answer.json().get("code")) == (200, None)


def fetched(live: Live, url: str) -> tuple[int, Any]:
    """Status and error of a judgement of what the address leads to."""
    who = {"models": "deepfake", "api_user": "test", "api_secret": live.hash_id, "url": url}
    answer = live.get("/1.0/check.json", params=who)
    return answer.status_code, answer.json().get("error")


@pytest.mark.parametrize("scheme", ["gopher:", "file:", "ftp:", "ws:", "", "x:"])
@pytest.mark.parametrize("port", [80, 443])
def test_a_port_makes_no_other_scheme_an_http_address(fort: Live, scheme: str, port: int) -> None:
    told = fetched(fort, f"{scheme}//127.0.0.1:{port}/face.jpg")
    assert told == fetched(fort, "gopher://example.com/")
    assert "http or https" in told[1]["message"]


def test_names_inside_and_names_that_do_not_exist_are_told_alike(fort: Live) -> None:
    hosts = ("localhost", "127.0.0.1", "169.254.169.254", "[::1]", "nobody.invalid", "10.0.0.1")
    told = [fetched(fort, f"http://{host}/face.jpg") for host in hosts]
    assert told == [told[0]] * len(hosts)
    assert told[0][0] == 400


def test_an_unknown_user_and_a_wrong_password_are_told_alike(fort: Live) -> None:
    key = {"X-Hash-Id": fort.hash_id}
    name = {"username": "somebody", "password": "correct horse battery"}
    assert fort.post("/register", data=name, headers=key).status_code == 200
    wrong = fort.post("/token", data=name | {"password": "wrong horse battery"})
    unknown = fort.post("/token", data=name | {"username": "nobody.at.all"})
    strip = lambda answer: re.sub(r'"request_id":"\w+"', "", answer.text)  # noqa: E731
    assert (wrong.status_code, strip(wrong)) == (unknown.status_code, strip(unknown))


def test_tokens_end_when_they_are_revoked_with_the_password_and_with_the_user(fort: Live) -> None:
    key, first, second = {"X-Hash-Id": fort.hash_id}, "battery staple horse", "quite another one"
    name = {"username": "leaver"}
    holds = lambda token: fort.get("/users/me", headers=bearer(token)).status_code  # noqa: E731
    ask = lambda path, **form: fort.post(path, data=name | form)  # noqa: E731
    fort.post("/register", data=name | {"password": first}, headers=key)
    token = ask("/token", password=first).json()["access_token"]
    assert holds(token) == 200
    assert fort.post("/token/revoke", headers=bearer(token)).status_code == 200
    assert holds(token) == 401

    token = ask("/token", password=first).json()["access_token"]
    change = {"password": first, "new_password": second}
    changed = fort.post("/users/me/password", data=change, headers=bearer(token))
    newer = changed.json()["access_token"]
    assert (holds(token), holds(newer)) == (401, 200)
    assert ask("/token", password=first).status_code == 401

    left = fort.delete("/users/me", data={"password": second}, headers=bearer(newer))
    assert (left.status_code, holds(newer)) == (200, 401)
    assert ask("/token", password=second).status_code == 401


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize("password", ["12345678", "        ", "password", "a" * 8])
def test_what_is_guessed_first_is_refused(fort: Live, password: str) -> None:
    form = {"username": "weak", "password": password}
    answer = fort.post("/register", data=form, headers={"X-Hash-Id": fort.hash_id})
    assert 400 <= answer.status_code < 500
