"""`GET /v1/results` and `GET /v1/results/{id}` over HTTP."""

from __future__ import annotations

from base64 import urlsafe_b64encode

import pytest

from tests.images import genuine
from tests.live import Live, data_uri


def _headers(key: str) -> dict[str, str]:
    return {"X-Hash-Id": key}


def test_a_result_is_kept_as_it_was_answered(room: Live) -> None:
    answer = room.analyze(genuine()).json()
    response = room.results(f"/{answer['id']}")
    if room.settings.store == "null":  # keeps nothing, and says so
        assert (response.status_code, answer["stored"]) == (404, False)
        return
    found = response.json()
    same = found.keys() & answer.keys() - {"request_id"}
    assert {name: found[name] for name in same} == {name: answer[name] for name in same}
    assert found["created_at"].endswith("+00:00")


def test_the_list_pages_through_every_result_once_newest_first(live: Live) -> None:
    key = live.issue()
    made = [live.analyze(genuine(), hash_id=key).json()["id"] for _ in range(5)]
    seen, cursor = [], ""
    while cursor is not None:
        page = live.get("/v1/results", headers=_headers(key), params={"limit": 2, "cursor": cursor})
        seen += [one["id"] for one in page.json()["results"]]
        cursor = page.json().get("next")
    assert seen == made[::-1]


def test_new_results_do_not_shift_a_page(live: Live) -> None:
    key = live.issue()
    made = [live.analyze(genuine(), hash_id=key).json()["id"] for _ in range(2)]
    first = live.get("/v1/results", headers=_headers(key), params={"limit": 1}).json()
    live.analyze(genuine(), hash_id=key)
    after = {"limit": 1, "cursor": first["next"]}
    second = live.get("/v1/results", headers=_headers(key), params=after).json()
    assert [second["results"][0]["id"], "next" in second] == [made[0], False]


def test_nobody_sees_anothers_results(live: Live) -> None:
    mine = live.analyze(genuine()).json()["id"]
    other = live.issue()
    answer = live.get(f"/v1/results/{mine}", headers=_headers(other))
    assert (answer.status_code, answer.json()["code"]) == (404, "RESULT_NOT_FOUND")
    assert live.get("/v1/results", headers=_headers(other)).json()["results"] == []


def test_a_heat_map_is_not_kept(live: Live) -> None:
    made = live.analyze(genuine(), explain=True).json()
    assert "heat_map" not in live.results(f"/{made['id']}").json()


@pytest.mark.parametrize("path", ["", "/res_1"])
def test_reading_is_a_feature(live: Live, path: str) -> None:
    key = _headers(live.issue(features=("detect",)))
    assert live.get(f"/v1/results{path}", headers=key).json()["code"] == "FEATURE_NOT_LICENSED"
    assert live.get(f"/v1/results{path}").json()["code"] == "LICENCE_UNKNOWN"


def test_reading_costs_no_quota_and_goes_on_when_it_is_used_up(live: Live) -> None:
    key = live.issue(per_day=1)
    for _ in range(3):
        assert live.get("/v1/results", headers=_headers(key)).status_code == 200
    made = live.analyze(genuine(), hash_id=key).json()["id"]
    assert live.get(f"/v1/results/{made}", headers=_headers(key)).status_code == 200


@pytest.mark.parametrize("name", ["res_nope", "%00", "..%2fx", "a b", "x" * 500, "%ff", "$ne"])
def test_an_unknown_id_is_not_found(live: Live, name: str) -> None:
    assert live.results(f"/{name}").status_code == 404


@pytest.mark.parametrize("limit", ["0", "101", "-1", "x", "1e3", "", "9" * 30])
def test_a_wrong_limit_is_told(live: Live, limit: str) -> None:
    answer = live.results(limit=limit)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("The field limit is wrong")


@pytest.mark.parametrize(
    "place", [b"", b"[]", b"null", b'[1,"a","b"]', b'["a","b"]', b"[1,{}]", b'[1e999,"a"]', b"[1"]
)
def test_a_forged_cursor_is_told(live: Live, place: bytes) -> None:
    answer = live.results(cursor=urlsafe_b64encode(place).decode() or "!")
    assert (answer.status_code, answer.json()["code"]) == (400, "BAD_REQUEST")


def test_a_key_in_the_query_is_no_key(live: Live) -> None:
    assert live.get("/v1/results", params={"hash_id": live.hash_id}).status_code == 401


def test_what_liveness_judged_is_listed_as_well(live: Live) -> None:
    key = live.issue()
    live.post("/liveness", json={"hash_id": key, "selfie_image": data_uri(genuine())})
    (one,) = live.get("/v1/results", headers=_headers(key)).json()["results"]
    assert one["score"] == 0.233
