"""A detector in another container: timeout, retry, circuit breaker, odd answers."""

from __future__ import annotations

import base64
import io
import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from PIL import Image

from service.analysis.detectors.remote import RemoteDetector
from service.analysis.face.blazeface import Face
from service.analysis.face.crop import Portrait
from service.errors import StartupError
from service.runtime.limits.breaker import Breaker, DetectorAway
from tests.sites import Page, Site, drip, page

IMAGE = np.full((200, 200, 3), (200, 100, 50), np.uint8)
SEEN = Portrait(IMAGE, Face(50, 50, 100, 100, 0.9, np.zeros((6, 2))))


@pytest.fixture
def site() -> Iterator[Site]:
    with Site({}) as running:
        yield running


def says(answer: Any, status: int = 200) -> Page:
    return page(json.dumps(answer).encode(), "application/json", status)


def detector(folder: Path, url: str, **more: Any) -> RemoteDetector:
    manifest = {"name": "far", "version": "1", "kind": "remote", "url": url, "timeout": 30}
    (folder / "manifest.json").write_text(json.dumps(manifest | more))
    return RemoteDetector(folder)


@pytest.mark.parametrize("field", ["probability", "ensemble_score_is_fake"])
def test_it_is_asked_with_the_face_alone(tmp_path: Path, site: Site, field: str) -> None:
    site.pages["/predict"] = says({field: 0.25, "class": "real"})
    prediction = detector(tmp_path, site.url("/"), size=64).predict(SEEN)
    assert prediction.probability == 0.25
    body = json.loads(site.asked[-1][3])
    assert body["media_type"] == "image"
    with Image.open(io.BytesIO(base64.b64decode(body["image_data"]))) as sent:
        assert (sent.format, sent.size) == ("PNG", (64, 64))
        assert sent.getpixel((32, 32)) == (200, 100, 50)


def test_a_key_is_sent_where_a_file_holds_one(tmp_path: Path, site: Site) -> None:
    site.pages["/predict"] = says({"probability": 0.5})
    (tmp_path / "key").write_text("fg_secret\n")
    detector(tmp_path, site.url(), hash_id_file=str(tmp_path / "key")).predict(SEEN)
    assert site.asked[-1][2]["X-Hash-Id"] == "fg_secret"
    with pytest.raises(StartupError, match="nothing cannot be read"):
        detector(tmp_path, site.url(), hash_id_file=str(tmp_path / "nothing"))


@pytest.mark.parametrize(
    "answer",
    [says({"error": "x"}), says([0.5]), says({"probability": "0.5"}), says({"probability": None}),
     page(b"<html>", "text/html"), says({"probability": 0.5}, 500), says({"probability": 0.5}, 307),
     page(b'{"probability": 0.5}' + b" " * 70000, "application/json")],
)  # fmt: skip
def test_what_is_no_answer_is_a_failure(tmp_path: Path, site: Site, answer: Page) -> None:
    site.pages["/predict"] = answer
    with pytest.raises((ValueError, requests.RequestException)):
        detector(tmp_path, site.url()).predict(SEEN)


def test_it_is_asked_again_when_it_is_busy(tmp_path: Path, site: Site) -> None:
    def busy_once(handler: BaseHTTPRequestHandler) -> None:
        site.pages["/predict"] = says({"probability": 0.75})
        says({}, 503)(handler)

    site.pages["/predict"] = busy_once
    assert detector(tmp_path, site.url(), retries=1).predict(SEEN).probability == 0.75
    assert len(site.asked) == 2


def test_it_is_not_waited_for_too_long(tmp_path: Path, site: Site) -> None:
    site.pages["/predict"] = lambda _: site.over.wait(60) and None
    # Which of the two clocks ends it is a matter of how busy the machine is.
    with pytest.raises((requests.RequestException, TimeoutError)):
        detector(tmp_path, site.url(), retries=0, timeout=0.2).predict(SEEN)


def test_one_that_drips_is_not_waited_for_either(tmp_path: Path, site: Site) -> None:
    site.pages["/predict"] = drip(site, b"HTTP/1.0 200 OK\r\n\r\n", b" ")
    with pytest.raises(TimeoutError):
        detector(tmp_path, site.url(), retries=0, timeout=0.2).predict(SEEN)


def test_one_that_keeps_failing_is_left_alone_and_tried_again(tmp_path: Path, site: Site) -> None:
    far = detector(tmp_path, site.url(), retries=0, failures=2, rest=0.5)
    for expected in (ValueError, ValueError, DetectorAway):
        with pytest.raises(expected):
            far.predict(SEEN)
    assert len(site.asked) == 2
    site.pages["/predict"] = says({"probability": 0.5})
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            assert far.predict(SEEN).probability == 0.5
            return
        except DetectorAway:
            time.sleep(0.05)
    raise AssertionError("never tried again")


def test_a_success_in_between_starts_the_count_again() -> None:
    breaker = Breaker(2, 60)
    for _ in range(3):
        with pytest.raises(OSError, match="x"), breaker.guard():
            raise OSError("x")
        with breaker.guard():
            pass


@pytest.mark.parametrize("change", [{"url": "ftp://a"}, {"timeout": 0}, {"size": 4}, {"name": ""}])
def test_a_bad_manifest_stops_the_start(tmp_path: Path, change: dict[str, Any]) -> None:
    with pytest.raises(StartupError, match="unusable"):
        detector(tmp_path, **{"url": "http://a"} | change)
