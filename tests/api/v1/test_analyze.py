"""`POST /v1/analyze` over HTTP."""

from __future__ import annotations

import base64
import hashlib
import io
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from PIL import Image

from service.api.v1.schemas import AnalyzeAnswer
from service.media.formats import format_of
from tests.images import MODERN, encode, genuine, nasty, portrait, sideways
from tests.live import Live, data_uri
from tests.media.test_memory import CASES


def test_the_answer_carries_all_that_was_found(live: Live) -> None:
    response = live.analyze(genuine())
    answer = response.json()
    assert response.status_code == 200
    assert answer["request_id"] == response.headers["X-Request-ID"]
    assert (answer["decision"], answer["is_deepfake"]) == ("bona_fide", False)
    assert (answer["score"], answer["probability"]) == (0.233, 0.233)
    assert (answer["threshold"], answer["bpcer"]) == (0.5, 0.05)
    assert answer["models"] == [{"name": "steady", "version": "1.0.0"}]
    assert answer["image"]["sha256"] == hashlib.sha256(genuine()).hexdigest()
    assert answer["timings_ms"].keys() >= {"decode", "detect", "infer", "total"}
    assert answer["reasons"] == answer["quality"]["reasons"] == []
    assert "heat_map" not in answer


def test_the_answer_has_the_documented_fields_in_their_order(live: Live) -> None:
    answer = live.analyze(genuine()).json()
    asked_for = ("heat_map", "capture")
    assert list(answer) == [name for name in AnalyzeAnswer.model_fields if name not in asked_for]


def test_the_face_that_counted_is_one_of_the_judged(live: Live) -> None:
    answer = live.analyze(genuine()).json()
    face = answer["faces"][0]
    assert answer["face"] == face["box"]
    assert face["detectors"] == [{"name": "steady", "version": "1.0.0", "probability": 0.233}]
    assert 0.5 < face["confidence"] <= 1
    assert 0 < face["box"]["x"] < face["box"]["x"] + face["box"]["width"] < 480


def test_a_deepfake_is_called_one(deepfake: Live) -> None:
    answer = deepfake.analyze(genuine()).json()
    assert (answer["decision"], answer["is_deepfake"], answer["score"]) == ("deepfake", True, 0.977)


def test_numbers_are_rounded(live: Live) -> None:
    face = live.analyze(genuine()).json()["face"]
    assert all(round(value, 2) == value for value in face.values())


def test_an_upload_is_judged_like_json(live: Live) -> None:
    sent = live.post(
        "/v1/analyze", data={"hash_id": live.hash_id}, files={"image": ("me.jpg", genuine())}
    ).json()
    assert _judgement(sent) == _judgement(live.analyze(genuine()).json())


@pytest.mark.parametrize("field", ["image", "selfie_image"])
def test_both_names_of_the_image_work(live: Live, field: str) -> None:
    body = {"hash_id": live.hash_id, field: data_uri(genuine())}
    assert live.post("/v1/analyze", json=body).status_code == 200
    assert live.post("/v1/analyze", data=body, files={"x": b""}).status_code == 200
    files = {field: genuine()}
    assert live.post("/v1/analyze", data={"hash_id": live.hash_id}, files=files).ok


@pytest.mark.parametrize("form", MODERN)
def test_every_format_is_judged(live: Live, form: str) -> None:
    data = nasty(form)
    answer = live.analyze(data).json()
    assert answer["score"] == 0.233
    assert answer["image"]["format"] == format_of(data)
    assert answer["image"]["sha256"] == hashlib.sha256(data).hexdigest()


def test_the_refusal_names_what_is_read(live: Live) -> None:
    answer = live.analyze(nasty("gif.jpg")).json()
    names = "JPEG, PNG, HEIF (HEIC), AVIF, WebP, BMP or TIFF"
    assert (answer["code"], names in answer["error"]) == ("INVALID_IMAGE", True)


def test_two_of_the_largest_at_once_are_answered(live: Live) -> None:
    data = CASES["rgba"]()
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(live.analyze, [data, data]))
    assert [one.json()["code"] for one in answers] == ["FACE_NOT_FOUND"] * 2


def test_the_licence_may_come_as_a_header(live: Live) -> None:
    body = {"image": data_uri(genuine())}
    for key in ({"Authorization": f"Bearer {live.hash_id}"}, {"X-Hash-Id": live.hash_id}):
        assert live.post("/v1/analyze", json=body, headers=key).status_code == 200


def test_the_body_counts_before_the_headers(live: Live) -> None:
    body = {"image": data_uri(genuine()), "hash_id": "nobody's"}
    answer = live.post("/v1/analyze", json=body, headers={"X-Hash-Id": live.hash_id})
    assert answer.status_code == 401


def test_without_any_licence_it_asks_for_one(live: Live) -> None:
    answer = live.post("/v1/analyze", json={"image": data_uri(genuine())})
    assert (answer.status_code, answer.json()["code"]) == (401, "LICENCE_UNKNOWN")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_the_same_image_again_is_answered_from_the_cache(live: Live) -> None:
    image = genuine() + b"once"
    first, again = live.analyze(image).json(), live.analyze(image).json()
    assert (first["cached"], again["cached"]) == (False, True)
    assert first["id"] != again["id"]
    assert _judgement(first) == _judgement(again)


def test_a_heat_map_is_a_picture_of_the_images_size(live: Live) -> None:
    uri = live.analyze(genuine(), explain=True).json()["heat_map"]
    head, _, text = uri.partition(",")
    assert head == "data:image/png;base64"
    with Image.open(io.BytesIO(base64.b64decode(text))) as picture:
        assert (picture.format, picture.size) == ("PNG", (480, 480))


def test_an_upload_can_be_explained(live: Live) -> None:
    fields = {"hash_id": live.hash_id, "explain": "true"}
    answer = live.post("/v1/analyze", data=fields, files={"image": genuine()}).json()
    assert answer["heat_map"].startswith("data:image/png;base64,")


def test_to_explain_is_a_feature_and_its_refusal_costs_nothing(live: Live) -> None:
    key = live.issue(features=("detect",), per_day=1)
    refused = live.analyze(genuine(), explain=True, hash_id=key)
    assert (refused.status_code, refused.json()["code"]) == (403, "FEATURE_NOT_LICENSED")
    assert live.analyze(genuine(), hash_id=key).status_code == 200


def test_a_sideways_photograph_says_which_turn_helped(live: Live) -> None:
    assert live.analyze(sideways(90)).json()["image"]["rotation"] in {90, 270}


def test_what_is_no_reason_to_refuse_is_a_warning(live: Live) -> None:
    dark = encode(portrait().point(lambda value: value // 12))
    answer = live.analyze(dark).json()
    assert "IMAGE_TOO_DARK" in answer["reasons"]
    assert answer["reasons"] == answer["quality"]["reasons"]


def test_the_request_id_of_a_caller_is_taken_over(live: Live) -> None:
    mine = {"X-Request-ID": "order-4711"}
    body = {"hash_id": live.hash_id, "image": data_uri(genuine())}
    answer = live.post("/v1/analyze", json=body, headers=mine)
    assert answer.headers["X-Request-ID"] == answer.json()["request_id"] == "order-4711"


@pytest.mark.parametrize("name", ["cmyk.jpg", "orientation-6.jpg", "rgb-16-bit.png", "rgba.png"])
def test_odd_but_sound_images_are_judged(live: Live, name: str) -> None:
    assert live.analyze(nasty(name)).status_code == 200


def test_each_store_keeps_or_says_that_it_does_not(room: Live) -> None:
    assert room.analyze(genuine()).json()["stored"] is (room.settings.store != "null")


def _judgement(answer: dict[str, Any]) -> dict[str, Any]:
    """What hangs on the image alone."""
    changing = {"request_id", "id", "cached", "elapsed_ms", "timings_ms"}
    return {name: value for name, value in answer.items() if name not in changing}
