"""Contract 1 byte for byte, over HTTP, with each store."""

from __future__ import annotations

import base64
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.images import DEMO, encode, genuine, nasty, portrait
from tests.live import GUNICORN, Live, data_uri, steady_models

NOT_LIVE = (
    b"Service is Not Live. Please wait for 5 to 10 minutes"
    b" if it still does not work then restart this build."
)
REAL = (
    b'{"deepfake_result": {"deepfake_score": 0.233, "is_deepfake": 0,'
    b' "message": "Provided image is not deepfake!"}, "status": "Success"}'
)
FAKE = (
    b'{"deepfake_result": {"deepfake_score": 0.977, "is_deepfake": 1,'
    b' "message": "Provided image is deepfake!"}, "status": "Success"}'
)
CORRUPT = b'{"error": "Invalid or corrupt selfie image.Images must be in PNG, JPG, or JPEG format"}'


def liveness(live: Live, selfie_image: Any, **more: Any) -> requests.Response:
    body = {"hash_id": live.hash_id, "selfie_image": selfie_image} | more
    return live.post("/liveness", json=body)


def test_status_check(room: Live) -> None:
    answer = room.get("/status_check")
    assert (answer.status_code, answer.content) == (200, b"Service is Live.")
    assert answer.headers["Content-Type"].startswith("text/plain")


def test_a_real_face(room: Live) -> None:
    answer = liveness(room, data_uri(genuine()))
    assert (answer.status_code, answer.content) == (200, REAL)
    assert answer.headers["Content-Type"] == "application/json"


def test_the_same_face_again_is_answered_the_same(room: Live) -> None:
    assert {liveness(room, data_uri(genuine())).content for _ in range(3)} == {REAL}


def test_a_deepfake(deepfake: Live) -> None:
    answer = liveness(deepfake, data_uri(genuine()))
    assert (answer.status_code, answer.content) == (200, FAKE)


def test_a_corrupt_image(room: Live) -> None:
    answer = liveness(room, data_uri(nasty("truncated.jpg")))
    assert (answer.status_code, answer.content) == (400, CORRUPT)


@pytest.mark.parametrize("kind", ["jpeg", "jpg", "png", "PNG", "octet-stream"])
def test_the_declared_type_does_not_matter(live: Live, kind: str) -> None:
    assert liveness(live, data_uri(genuine(), kind)).content == REAL


@pytest.mark.parametrize(
    "head", ["data:;base64,", "image/jpeg;base64,", "data: image/heic;base64,"]
)
def test_an_odd_header_does_not_matter(live: Live, head: str) -> None:
    text = base64.b64encode(genuine()).decode()
    assert liveness(live, head + text).content == REAL


@pytest.mark.parametrize(
    "name", ["no-end-marker.jpg", "motion-photo.jpg", "large-icc.png", "nul-before-end.jpg"]
)
def test_what_phones_and_programs_add_does_not_matter(live: Live, name: str) -> None:
    assert liveness(live, data_uri(nasty(name))).content == REAL


@pytest.mark.parametrize("name", ["first-scans-only.jpg", "too-few-rows.png", "cut.heic"])
def test_half_a_picture_is_corrupt(live: Live, name: str) -> None:
    answer = liveness(live, data_uri(nasty(name)))
    assert (answer.status_code, answer.content) == (400, CORRUPT)


OTHERS = ["webp.jpg", "avif.jpg", "heic.jpg", "bmp.png", "tiff.jpg"]


@pytest.mark.parametrize("name", OTHERS)
def test_other_formats_are_not_the_contracts(live: Live, name: str) -> None:
    answer = liveness(live, data_uri(nasty(name)))
    assert (answer.status_code, answer.content) == (400, CORRUPT)


def test_a_setting_lets_other_formats_in(tmp_path: Path) -> None:
    with Live(tmp_path, probability=0.233, formats="jpg, heic,webp") as service:
        assert liveness(service, data_uri(nasty("heic.jpg"))).content == REAL
        assert liveness(service, data_uri(nasty("webp.jpg"))).content == REAL
        assert liveness(service, data_uri(nasty("rgb.png"))).content == CORRUPT


def test_bare_base64_and_png(live: Live) -> None:
    assert liveness(live, base64.b64encode(genuine()).decode()).content == REAL
    assert liveness(live, data_uri(encode(portrait()), "png")).content == REAL


@pytest.mark.parametrize("text", ["", "data:image/jpeg;base64,", "not base64!", "AAAA", "\0"])
def test_what_is_no_image_is_corrupt(live: Live, text: str) -> None:
    answer = liveness(live, text)
    assert (answer.status_code, answer.content) == (400, CORRUPT)


def test_fields_that_nobody_asked_for_do_no_harm(live: Live) -> None:
    assert liveness(live, data_uri(genuine()), client="app 1.2", depth=[[[]]]).content == REAL


@pytest.mark.parametrize("field", ["hash_id", "selfie_image"])
@pytest.mark.parametrize("value", [None, 7, ["x"], {"a": "b"}, True])
def test_a_wrong_type_is_told_by_its_field_alone(live: Live, field: str, value: object) -> None:
    body = {"hash_id": live.hash_id, "selfie_image": "AAAA"} | {field: value}
    answer = live.post("/liveness", json=body)
    assert answer.status_code == 400
    assert answer.json() == {"error": f"The field {field} must be a text.", "code": "BAD_REQUEST"}


@pytest.mark.parametrize("field", ["hash_id", "selfie_image"])
def test_a_missing_field_is_named(live: Live, field: str) -> None:
    body = {"hash_id": live.hash_id, "selfie_image": "AAAA"}
    del body[field]
    assert live.post("/liveness", json=body).json()["error"] == f"The field {field} is missing."


def test_an_unknown_hash_id(room: Live) -> None:
    answer = liveness(room, data_uri(genuine()), hash_id="nobody's")
    assert answer.status_code == 401
    assert answer.json() == {"error": "This hash_id is not known.", "code": "LICENCE_UNKNOWN"}


def test_no_face_is_refused_with_its_code(live: Live) -> None:
    answer = liveness(live, data_uri(encode(portrait().crop((0, 0, 90, 90)))))
    assert answer.status_code == 422
    assert answer.json()["code"] == "FACE_NOT_FOUND"


def test_a_used_up_quota_says_when_to_come_back(live: Live) -> None:
    key = live.issue(per_day=1)
    assert liveness(live, data_uri(genuine()), hash_id=key).content == REAL
    answer = liveness(live, data_uri(genuine()), hash_id=key)
    assert (answer.status_code, answer.json()["code"]) == (429, "QUOTA_EXCEEDED")
    assert 0 < int(answer.headers["Retry-After"]) <= 86400


def test_a_corrupt_image_costs_nothing(live: Live) -> None:
    key = live.issue(per_day=1)
    assert liveness(live, "AAAA", hash_id=key).content == CORRUPT
    assert liveness(live, data_uri(genuine()), hash_id=key).content == REAL


def test_the_vendors_own_script_works_unchanged(room: Live) -> None:
    script = Path(__file__).parent / "vendor_client.py"
    arguments = [room.base, room.hash_id, str(DEMO / "genuine.jpg")]
    out = subprocess.check_output([sys.executable, script, *arguments], text=True, timeout=60)
    assert out == "Service is Live.\n0 0.233 Provided image is not deepfake!\n"


def test_a_service_without_its_models_is_not_live(tmp_path: Path) -> None:
    models = steady_models(tmp_path / "models", 0.5)
    for file in models.glob("*/model.onnx"):
        file.write_bytes(b"damaged")
    broken = Live(tmp_path, command=GUNICORN, models_dir=models)
    broken.start()
    try:
        broken.wait_until("failed")
        status = broken.get("/status_check")
        answer = liveness(broken, data_uri(genuine()))
    finally:
        broken.stop()
    assert (status.status_code, status.content) == (503, NOT_LIVE)
    assert (answer.status_code, answer.json()["code"]) == (503, "NOT_READY")
    assert int(answer.headers["Retry-After"]) > 0
