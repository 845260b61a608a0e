"""Contract 3 over HTTP: verdicts, ensembles, users, history."""

from __future__ import annotations

import base64
import json
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.api.gateway.schemas import FullRecord, GatewayFailure, Records, Verdict
from tests import clips
from tests.images import MODERN, encode, genuine, nasty, portrait
from tests.live import Live, data_uri
from tests.thorough import either

IMAGE = base64.b64encode(genuine()).decode()
SECRET = "correct horse"
REAL = (
    b'{"verdict":"real","confidence_in_verdict":0.767,"ensemble_score_is_fake":0.233,'
    b'"ensemble_method_used":"average",'
    b'"model_results":{"steady":{"probability":0.233,"class":"real"}}}'
)
FAKE = (
    b'{"verdict":"fake","confidence_in_verdict":0.977,"ensemble_score_is_fake":0.977,'
    b'"ensemble_method_used":"voting",'
    b'"model_results":{"steady":{"probability":0.977,"class":"fake"}}}'
)


def key(live: Live) -> dict[str, str]:
    return {"X-Hash-Id": live.hash_id}


def predict(live: Live, headers: dict[str, str] | None = None, **more: Any) -> requests.Response:
    body = {"media_type": "image", "image_data": IMAGE} | more
    return live.post("/predict", json=body, headers=key(live) | (headers or {}))


def detect(live: Live, image: bytes, **fields: str) -> requests.Response:
    files = {"file": ("me.jpg", image)}
    return live.post("/detect", data=fields, files=files, headers=key(live))


def failed(answer: requests.Response) -> tuple[int, str]:
    failure = GatewayFailure.model_validate_json(answer.content, extra="forbid")
    assert failure.request_id == answer.headers["X-Request-ID"]
    return answer.status_code, failure.code


def enrol(live: Live, name: str | None = None) -> dict[str, str]:
    """A new user's header."""
    form = {"username": name or f"user-{uuid4().hex}", "password": SECRET}
    answer = live.post("/register", data=form, headers=key(live))
    assert answer.status_code == 200, answer.text
    assert list(answer.json()) == ["access_token", "token_type"]
    assert answer.json()["token_type"] == "bearer"
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def test_a_verdict_to_the_letter(room: Live) -> None:
    answer = predict(room, ensemble_method="average")
    assert (answer.status_code, answer.content) == (200, REAL)
    assert re.fullmatch(r"\w+", answer.headers["X-Request-ID"])


def test_a_deepfake_to_the_letter(deepfake: Live) -> None:
    assert predict(deepfake, ensemble_method="voting").content == FAKE


def test_an_upload(live: Live) -> None:
    assert detect(live, genuine(), ensemble_method="average").content == REAL


@pytest.mark.parametrize("form", MODERN)
def test_every_format_is_judged(live: Live, form: str) -> None:
    data = nasty(form)
    text = base64.b64encode(data).decode()
    assert detect(live, data, ensemble_method="average").content == REAL
    assert predict(live, image_data=text, ensemble_method="average").content == REAL


def test_stacking_says_what_it_fell_back_to(live: Live) -> None:
    assert predict(live).json()["ensemble_method_used"] == "average"
    assert predict(live, ensemble_method="stacking").content == REAL


def test_fields_of_a_peers_client(live: Live) -> None:
    more = {"threshold": 0.2, "models": ["steady"], "video_data": None, "client": "0.1"}
    answer = predict(live, **more).json()
    assert (answer["verdict"], answer["confidence_in_verdict"]) == ("fake", 0.233)
    assert answer["model_results"]["steady"]["class"] == "fake"


def test_a_data_uri_is_taken_as_well(live: Live) -> None:
    assert predict(live, image_data=data_uri(genuine())).status_code == 200


def test_another_method_needs_no_new_judgement(live: Live) -> None:
    fresh = base64.b64encode(genuine() + b"methods").decode()
    counted = [
        _misses(live)
        for method in ("voting", "average", "stacking")
        if predict(live, image_data=fresh, ensemble_method=method).ok
    ]
    assert counted[0] == counted[1] == counted[2]


def _misses(live: Live) -> str:
    return next(
        line
        for line in live.get("/metrics").text.splitlines()
        if line.startswith("facegate_cache_misses_total")
    )


def test_a_video(live: Live) -> None:
    film = base64.b64encode(clips.video(clips.faces(8))).decode()
    answer = predict(live, media_type="video", video_data=film).json()
    assert set(answer["model_results"]) == {"steady"}
    assert answer["verdict"] in ("fake", "real")
    files = {"file": ("film.mp4", base64.b64decode(film))}
    upload = live.post("/detect", files=files, headers=key(live))
    assert upload.json()["ensemble_score_is_fake"] == answer["ensemble_score_is_fake"]


@pytest.mark.parametrize(("kind", "code"), [("video", "INVALID_MEDIA"), ("image", "INVALID_IMAGE")])
def test_what_is_no_such_medium(live: Live, kind: str, code: str) -> None:
    answer = predict(live, media_type=kind, **{f"{kind}_data": "AAAA"})
    assert failed(answer) == (400, code)


def test_a_medium_without_its_field(live: Live) -> None:
    answer = predict(live, media_type="video", video_data=None)
    assert failed(answer) == (400, "BAD_REQUEST")


@pytest.mark.parametrize(
    "change",
    [{"media_type": "text"}, {"ensemble_method": "best"}, {"threshold": 1.5}, {"threshold": "x"},
     {"models": []}, {"models": ["nobody"]}, {"models": "steady"}, {"image_data": None},
     {"image_data": 7}, {"image_data": "AAAA"}, {"image_data": ""}],
)  # fmt: skip
def test_wrong_fields(live: Live, change: dict[str, Any]) -> None:
    assert failed(predict(live, **change))[0] == 400


def test_wrong_uploads(live: Live) -> None:
    assert failed(detect(live, nasty("truncated.jpg"))) == (400, "INVALID_IMAGE")
    assert failed(detect(live, genuine(), threshold="high")) == (400, "BAD_REQUEST")
    assert failed(detect(live, genuine(), models="a, steady")) == (400, "BAD_REQUEST")
    assert detect(live, genuine(), models="steady", ensemble_method="").status_code == 200
    answer = live.post("/detect", data={"x": "y"}, files={"other": b""}, headers=key(live))
    assert failed(answer) == (400, "BAD_REQUEST")
    assert failed(live.post("/detect", json={}, headers=key(live))) == (415, "WRONG_MEDIA_TYPE")


def test_no_face_is_no_verdict(live: Live) -> None:
    answer = detect(live, encode(portrait().crop((0, 0, 90, 90))))
    assert failed(answer) == (422, "FACE_NOT_FOUND")


@pytest.mark.parametrize("path", ["/predict", "/detect", "/register", "/token"])
def test_a_wrong_method_has_the_contracts_shape(live: Live, path: str) -> None:
    answer = live.get(path)
    assert failed(answer) == (405, "METHOD_NOT_ALLOWED")
    assert "POST" in answer.headers["Allow"]


def test_without_a_licence(live: Live) -> None:
    body = {"media_type": "image", "image_data": IMAGE}
    answer = live.post("/predict", json=body)
    assert failed(answer) == (401, "LICENCE_UNKNOWN")
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    wrong = live.post("/predict", json=body, headers={"X-Hash-Id": "nobody's"})
    assert failed(wrong) == (401, "LICENCE_UNKNOWN")


def test_quotas_count_and_failures_do_not(live: Live) -> None:
    mine = {"X-Hash-Id": live.issue(per_day=1)}
    assert predict(live, mine, image_data="AAAA").status_code == 400
    assert predict(live, mine, models=["nobody"]).status_code == 400
    assert predict(live, mine).status_code == 200
    answer = predict(live, mine)
    assert failed(answer) == (429, "QUOTA_EXCEEDED")
    assert int(answer.headers["Retry-After"]) > 0


def test_health(live: Live) -> None:
    answer = live.get("/health")
    assert (answer.status_code, answer.json()) == (
        200,
        {"status": "healthy", "models": ["steady"]},
    )


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A service whose gateway counts on a licence of its own."""
    folder = tmp_path_factory.mktemp("gateway")
    file = folder / "gateway.hash_id"
    live = Live(folder, probability=0.233, gateway_licence_file=file, login_attempts=3)
    file.write_text(live.hash_id + "\n")
    with live:
        yield live


def test_the_published_calls_need_no_key_where_the_gateway_has_one(gateway: Live) -> None:
    body = {"media_type": "image", "image_data": IMAGE, "ensemble_method": "voting"}
    assert gateway.post("/predict", json=body).status_code == 200
    files = {"file": ("photo.jpg", genuine())}
    assert gateway.post("/detect", data={"ensemble_method": "stacking"}, files=files).ok
    form = {"username": "someone", "password": SECRET}
    token = gateway.post("/register", data=form).json()["access_token"]
    header = {"Authorization": f"Bearer {token}"}
    assert gateway.get("/users/me", headers=header).json()["username"] == "someone"


def test_guessing_is_told_to_wait(gateway: Live) -> None:
    enrol(gateway, "guessed")
    form = {"username": "guessed", "password": "wrong guess"}
    # Twice as many as fit one window, should a quarter of an hour end meanwhile.
    answers = [gateway.post("/token", data=form) for _ in range(7)]
    codes = {failed(answer) for answer in answers}
    assert codes == {(401, "WRONG_PASSWORD"), (429, "TOO_MANY_ATTEMPTS")}
    told = [one for one in answers if one.status_code == 429]
    assert all(0 < int(one.headers["Retry-After"]) <= 900 for one in told)


def test_a_gateway_licence_that_cannot_be_read_stops_the_start(tmp_path: Path) -> None:
    live = Live(tmp_path, gateway_licence_file=tmp_path / "nothing")
    live.start()
    assert live.process.wait(60) != 0
    assert f"The file {tmp_path}/nothing cannot be read: No such file or directory." in live.log()


def test_registration_needs_a_licence(live: Live) -> None:
    form = {"username": "stranger", "password": SECRET}
    assert failed(live.post("/register", data=form)) == (401, "LICENCE_UNKNOWN")


def test_register_token_me(live: Live) -> None:
    name = f"user-{uuid4().hex}"
    enrol(live, name)
    form = {"username": name.upper(), "password": SECRET}
    token = live.post("/token", data=form).json()["access_token"]
    me = live.get("/users/me", headers={"Authorization": f"Bearer {token}"}).json()
    assert list(me) == ["username", "created_at"]
    assert me["username"] == name


def test_a_taken_name_and_a_wrong_password(live: Live) -> None:
    name = f"user-{uuid4().hex}"
    enrol(live, name)
    form = {"username": name, "password": "something else"}
    assert failed(live.post("/register", data=form, headers=key(live))) == (409, "USER_EXISTS")
    assert failed(live.post("/token", data=form)) == (401, "WRONG_PASSWORD")
    assert failed(live.post("/token", data={"username": name})) == (400, "BAD_REQUEST")


@pytest.mark.parametrize("token", ["Bearer x.y.z", "Bearer ", "Basic eDp5", "Bearer é", "x"])
@pytest.mark.parametrize("path", ["/users/me", "/history", "/history/x"])
def test_wrong_tokens(live: Live, token: str, path: str) -> None:
    answer = live.get(path, headers={"Authorization": token.encode()})
    assert failed(answer) == (401, "WRONG_TOKEN")


def test_without_a_token(live: Live) -> None:
    for path in ("/users/me", "/history", "/history/x"):
        assert failed(live.get(path)) == (401, "UNAUTHORISED")


def test_a_wrong_token_is_told_even_where_none_is_needed(live: Live) -> None:
    answer = predict(live, {"Authorization": "Bearer x.y.z"})
    assert failed(answer) == (401, "WRONG_TOKEN")


def test_without_a_store_there_are_no_users(room: Live) -> None:
    form = {"username": f"user-{uuid4().hex}", "password": SECRET}
    answer = room.post("/register", data=form, headers=key(room))
    if room.settings.store == "null":
        assert failed(answer) == (503, "STORE_UNAVAILABLE")
    else:
        assert answer.status_code == 200


def test_history_of_ones_own(room: Live) -> None:
    if room.settings.store == "null":
        pytest.skip("keeps nothing")
    ada, eve = enrol(room), enrol(room)
    said = predict(room, ada | {"X-Request-ID": "order-1"}).json()
    files = {"file": ("me.jpg", genuine())}
    room.post("/detect", files=files, headers=key(room) | ada)
    predict(room)
    answer = room.get("/history", headers=ada)
    page = Records.model_validate_json(answer.content, extra="forbid")
    assert [one.media_name for one in page.records] == ["me.jpg", None]
    oldest = page.records[-1]
    assert (oldest.request_id, oldest.verdict, oldest.confidence) == ("order-1", "real", 0.767)
    full = room.get(f"/history/{oldest.id}", headers=ada)
    assert FullRecord.model_validate_json(full.content, extra="forbid")
    assert full.json()["full_response"] == said
    assert room.get("/history", headers=eve).json()["records"] == []
    assert failed(room.get(f"/history/{oldest.id}", headers=eve)) == (404, "RESULT_NOT_FOUND")
    assert failed(room.delete(f"/history/{oldest.id}", headers=eve)) == (404, "RESULT_NOT_FOUND")


def test_history_is_paged(live: Live) -> None:
    ada = enrol(live)
    for number in range(5):
        predict(live, ada | {"X-Request-ID": f"{number}"})
    seen, after = [], ""
    while True:
        page = live.get("/history", headers=ada, params={"limit": 2, "cursor": after}).json()
        seen += [one["request_id"] for one in page["records"]]
        after = page.get("next")
        if after is None:
            break
    assert seen == [*"43210"]
    for wrong in ({"limit": 0}, {"limit": 101}, {"cursor": "x"}):
        assert failed(live.get("/history", headers=ada, params=wrong)) == (400, "BAD_REQUEST")


def test_what_is_deleted_is_gone(live: Live) -> None:
    ada = enrol(live)
    for _ in range(3):
        predict(live, ada)
    records = live.get("/history", headers=ada).json()["records"]
    path = f"/history/{records[0]['id']}"
    assert live.delete(path, headers=ada).json() == {"deleted": 1}
    assert live.delete(path, headers=ada).status_code == 404
    assert live.delete("/history", headers=ada).json() == {"deleted": 2}
    assert live.get("/history", headers=ada).json() == {"limit": 100, "records": []}


def test_no_secret_is_logged_or_stored_in_clear(live: Live) -> None:
    token = enrol(live)["Authorization"].split()[1]
    with sqlite3.connect(live.settings.data_dir / "facegate.db") as db:
        stored = "\n".join(db.iterdump())
    for secret in (SECRET, token, live.hash_id):
        assert secret not in live.log()
        assert secret not in stored


PEERS = """
import base64, json, sys, urllib.request
base, image = sys.argv[1:]
data = base64.b64encode(open(image, "rb").read()).decode()
body = {"media_type": "image", "image_data": data, "ensemble_method": "voting", "threshold": 0.5}
headers = {"Content-Type": "application/json"}
request = urllib.request.Request(base + "/predict", json.dumps(body).encode(), headers)
answer = json.load(urllib.request.urlopen(request, timeout=60))
print(answer["verdict"].upper(), answer["ensemble_score_is_fake"], *answer["model_results"])
"""


def test_a_peers_script(gateway: Live) -> None:
    image = Path(__file__).parents[2] / "scripts" / "demo" / "genuine.jpg"
    arguments = [sys.executable, "-c", PEERS, gateway.base, str(image)]
    assert subprocess.check_output(arguments, text=True, timeout=60) == "REAL 0.233 steady\n"


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
FIELDS = st.sampled_from(
    ["media_type", "image_data", "video_data", "ensemble_method", "threshold", "models", "x"]
)


@settings(max_examples=either(60, 25), deadline=None, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(FIELDS, VALUES | st.lists(VALUES, max_size=3)))
def test_no_field_breaks_the_shape(live: Live, odd: dict[str, Any]) -> None:
    """Sent as Python writes JSON, NaN and Infinity included."""
    head = {"Content-Type": "application/json"} | key(live)
    answer = live.post("/predict", data=json.dumps(odd), headers=head)
    assert failed(answer)[0] in {400, 415}


TEXTS = st.text(max_size=12)


@settings(max_examples=either(40, 15), deadline=None, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(st.sampled_from(["ensemble_method", "threshold", "models", "x"]), TEXTS))
def test_no_field_of_an_upload_breaks_the_shape(live: Live, odd: dict[str, str]) -> None:
    assert failed(detect(live, b"junk", **odd))[0] == 400


@pytest.fixture(scope="module")
def reader(live: Live) -> dict[str, str]:
    return enrol(live)


@settings(max_examples=either(40, 15), deadline=None, suppress_health_check=list(HealthCheck))
@given(TEXTS | st.integers(), TEXTS)
def test_no_page_breaks_the_shape(
    live: Live, reader: dict[str, str], limit: str | int, cursor: str
) -> None:
    page = live.get("/history", headers=reader, params={"limit": limit, "cursor": cursor})
    if page.status_code != 200:
        assert failed(page) == (400, "BAD_REQUEST")


@settings(max_examples=either(40, 15), deadline=None, suppress_health_check=list(HealthCheck))
@given(st.text("abc123_-%$'\"{}é\0", min_size=1, max_size=40))
def test_no_entry_breaks_the_shape(live: Live, reader: dict[str, str], entry: str) -> None:
    path = f"/history/{quote(entry, safe='')}"
    for answer in (live.get(path, headers=reader), live.delete(path, headers=reader)):
        assert failed(answer) == (404, "RESULT_NOT_FOUND")


@settings(max_examples=either(40, 15), deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(["/register", "/token"]), st.text(max_size=20), st.text(max_size=9))
def test_no_name_breaks_the_shape(gateway: Live, path: str, name: str, password: str) -> None:
    answer = gateway.post(path, data={"username": name, "password": password})
    if answer.status_code != 200:
        assert failed(answer)[0] in {400, 401, 409, 415, 429}


def test_answers_have_the_documented_shape(live: Live) -> None:
    Verdict.model_validate_json(predict(live).content, extra="forbid")
