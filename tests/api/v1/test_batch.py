"""`POST /v1/analyze/batch` over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from service.errors import ImageError
from tests.images import encode, genuine, nasty, portrait
from tests.live import Live, data_uri

FACELESS = encode(portrait().crop((0, 0, 90, 90)))


def batch(live: Live, *images: bytes, **more: Any) -> requests.Response:
    items = [{"id": f"n{n}", "image": data_uri(image)} for n, image in enumerate(images)]
    return live.post("/v1/analyze/batch", json={"hash_id": live.hash_id, "images": items} | more)


def test_each_image_has_its_own_outcome_in_order(live: Live) -> None:
    response = batch(live, genuine(), nasty("truncated.jpg"), FACELESS, genuine())
    answer = response.json()
    outcomes = [(one["id"], one.get("code", "judged")) for one in answer["results"]]
    assert response.status_code == 200
    assert outcomes == [
        ("n0", "judged"),
        ("n1", "INVALID_IMAGE"),
        ("n2", "FACE_NOT_FOUND"),
        ("n3", "judged"),
    ]
    assert (answer["judged"], answer["failed"]) == (2, 2)


def test_an_outcome_is_either_result_or_error(live: Live) -> None:
    good, bad = batch(live, genuine(), b"").json()["results"]
    assert good["result"]["score"] == 0.233
    assert not {"error", "code"} & good.keys()
    assert bad["error"] == ImageError.sentence
    assert "result" not in bad


def test_uploads_keep_their_order_and_names(live: Live) -> None:
    files = [("images", (f"{n}.jpg", genuine())) for n in range(3)]
    answer = live.post("/v1/analyze/batch", data={"hash_id": live.hash_id}, files=files).json()
    assert [one["id"] for one in answer["results"]] == ["0.jpg", "1.jpg", "2.jpg"]


def test_ids_are_optional(live: Live) -> None:
    body = {"hash_id": live.hash_id, "images": [{"selfie_image": data_uri(genuine())}]}
    (one,) = live.post("/v1/analyze/batch", json=body).json()["results"]
    assert one["index"] == 0
    assert "id" not in one


def test_all_can_be_explained(live: Live) -> None:
    (one,) = batch(live, genuine(), explain=True).json()["results"]
    assert one["result"]["heat_map"].startswith("data:image/png;base64,")


def test_the_quota_counts_judged_images_only(live: Live) -> None:
    key = live.issue(per_day=3)
    assert batch(live, genuine(), b"", genuine(), hash_id=key).json()["judged"] == 2
    assert batch(live, genuine(), hash_id=key).json()["judged"] == 1
    assert batch(live, genuine(), hash_id=key).status_code == 429


def test_a_batch_beyond_the_quota_is_refused_whole(live: Live) -> None:
    key = live.issue(per_day=2)
    assert batch(live, genuine(), genuine(), genuine(), hash_id=key).status_code == 429
    assert batch(live, genuine(), genuine(), hash_id=key).json()["judged"] == 2


def test_it_is_a_feature(live: Live) -> None:
    answer = batch(live, genuine(), hash_id=live.issue(features=("detect",)))
    assert (answer.status_code, answer.json()["code"]) == (403, "FEATURE_NOT_LICENSED")


def test_too_many_images_are_refused(live: Live) -> None:
    answer = batch(live, *[b""] * (live.settings.max_batch + 1))
    assert answer.status_code == 400
    assert answer.json()["error"] == "One call may carry at most 16 images."


@pytest.mark.parametrize(
    ("images", "sentence"),
    [
        (
            [],
            "The field images is wrong: List should have at least 1 item after validation, not 0.",
        ),
        ({}, "The field images is wrong: Input should be a valid list."),
        ([{"image": "AAAA"}, {}], "The field images.1.image is missing."),
        ([{"image": 7}], "The field images.0.image is wrong: Input should be a valid string."),
    ],
)
def test_a_wrong_list_is_told_by_its_field(live: Live, images: Any, sentence: str) -> None:
    answer = live.post("/v1/analyze/batch", json={"hash_id": live.hash_id, "images": images})
    assert (answer.status_code, answer.json()["error"]) == (400, sentence)
