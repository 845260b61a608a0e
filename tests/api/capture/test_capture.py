"""The capture page in Chromium with its false camera, and what is told of a camera."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Browser

from service.api.v1.capture import is_virtual, signs
from service.api.v1.requests import Capture
from tests.images import genuine
from tests.live import Live

GENUINE = [
    *("FaceTime HD Camera (Built-in)", "Integrated Camera (04f2:b6d0)", "HD Pro Webcam C920"),
    *("camera2 1, facing front", "Front Camera", "Surface Camera Front", "Logitech BRIO"),
    *("USB2.0 HD UVC WebCam", "Lenovo EasyCamera", "iPhone Camera", "HP TrueVision HD", "Kamera"),
    *("Facing front:0", "Back Dual Wide Camera", "Razer Kiyo Pro", "c922 Pro Stream Webcam"),
]
VIRTUAL = [
    *("OBS Virtual Camera", "OBS-Camera", "ManyCam Virtual Webcam", "Snap Camera", "e2eSoft VCam"),
    *("XSplit VCam", "DroidCam Source 3", "Dummy video device (0x0000)", "fake_device_0"),
    *("Unity Video Capture", "CamTwist", "NVIDIA Broadcast", "mmhmm Camera", "SplitCam"),
]


@pytest.mark.parametrize(("names", "virtual"), [(GENUINE, False), (VIRTUAL, True)])
def test_names_of_programs_are_told_from_those_of_devices(names: list[str], virtual: bool) -> None:
    assert [one for one in names if is_virtual(one) != virtual] == []


def test_facts_have_a_sentence_each() -> None:
    told = signs(Capture(device="OBS Virtual Camera", intervals_ms=[33.3, 33.4] * 10))
    assert [one.sign for one in told] == ["VIRTUAL_CAMERA", "FRAME_TIMING"]
    assert told[1].sentence.startswith("21 frames came at 30.0 a second, 0.1 ms from")
    assert signs(Capture()) == ()
    assert signs(Capture(intervals_ms=[0.0] * 20)) == ()
    (camera,) = signs(Capture(device="A\x1bB", intervals_ms=[33.0]))
    assert camera.sentence == "The camera calls itself A\N{REPLACEMENT CHARACTER}B."


def test_they_come_back_in_the_answer_and_change_no_score(live: Live) -> None:
    told = {"device": "OBS Virtual Camera", "intervals_ms": []}
    plain, found = live.analyze(genuine()).json(), live.analyze(genuine(), capture=told).json()
    assert "capture" not in plain
    assert [one["sign"] for one in found["capture"]] == ["VIRTUAL_CAMERA"]
    assert found["score"] == plain["score"]


@pytest.mark.parametrize("told", ["no JSON", '{"device": 1}', '{"intervals_ms": [-1]}', "[]"])
def test_what_is_malformed_is_refused_in_a_sentence(live: Live, told: str) -> None:
    form = {"hash_id": live.hash_id, "capture": told}
    answer = live.post("/v1/analyze", data=form, files={"image": genuine()})
    assert answer.status_code == 400
    assert "The field capture" in answer.json()["error"]


def test_the_page_takes_a_picture_and_shows_the_answer(live: Live, browser: Browser) -> None:
    """Chromium's camera shows no face: the service's refusal is the answer."""
    page = browser.new_context().new_page()
    asked: list[str] = []
    sent: list[dict[str, str]] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("request", lambda request: sent.append(request.all_headers()))
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(f"{live.base}/capture")
    page.fill("#key", live.hash_id)
    page.wait_for_selector("#take:enabled")
    page.click("#take")
    page.locator("#state", has_text="face").wait_for()
    assert page.text_content("#state") == "No face was found in the selfie image."
    told = json.loads(page.evaluate("capture()"))
    page.context.close()
    assert faults == []
    assert all(one.startswith(live.base) or one.startswith("blob:") for one in asked)
    assert any("facegate-challenge" in one for one in sent)
    assert is_virtual(told["device"])
    assert Capture.model_validate(told).intervals_ms


@pytest.mark.parametrize("name", ["capture.py", "__init__.py", "capture.html", "..%2fjwks.py"])
def test_only_the_pages_parts_are_served(live: Live, name: str) -> None:
    assert live.get(f"/capture/{name}").json()["code"] == "NOT_FOUND"
