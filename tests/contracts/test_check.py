"""Contract 2 over HTTP: the envelopes to the letter, and the published client library."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sightengine.check import Check

from service.api.check.envelope import TYPES, UNKNOWN
from service.api.check.schemas import CheckAnswer, CheckFailure
from service.errors import FacegateError
from tests.api.http.test_errors import _twins
from tests.conftest import GENUINE
from tests.images import DEMO, MODERN, encode, genuine, nasty, portrait
from tests.live import Live
from tests.sites import Site, page, redirect
from tests.thorough import either

PATH = "/1.0/check.json"


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site({"/face.jpg": page(genuine()), "/away": redirect("http://169.254.169.254/")}) as here:
        yield here


@pytest.fixture(scope="module")
def checks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A service that may fetch from this machine's first address, as its only private one."""
    folder = tmp_path_factory.mktemp("checks")
    with Live(folder, probability=GENUINE, fetch_allow="127.0.0.1", fetch_timeout=20) as service:
        yield service


def fields(live: Live, **more: Any) -> dict[str, Any]:
    name = "air-gapped" if live.settings.store == "null" else "test"
    who = {"models": "deepfake", "api_user": name, "api_secret": live.hash_id}
    return who | more


def upload(live: Live, image: bytes = b"", **more: Any) -> requests.Response:
    return live.post(PATH, data=fields(live, **more), files={"media": ("me.jpg", image)})


def failed(answer: requests.Response) -> tuple[int, str]:
    """Status and error type of a failure; its shape is checked."""
    body = CheckFailure.model_validate_json(answer.content, extra="forbid")
    assert list(answer.json()) == ["status", "request", "error"]
    assert body.request.operations == 0
    return answer.status_code, body.error.type


def test_a_success_to_the_letter(room: Live) -> None:
    answer = upload(room, genuine())
    shape = (
        r'\{"status": "success", "request": \{"id": "req_\w+", "timestamp": \d+\.\d{1,4},'
        r' "operations": 1\}, "type": \{"deepfake": 0\.233\},'
        r' "media": \{"id": "med_\w{22}", "uri": "me\.jpg"\}\}'
    )
    assert answer.status_code == 200
    assert re.fullmatch(shape, answer.text)
    assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("form", MODERN)
def test_every_format_is_judged(live: Live, form: str) -> None:
    assert upload(live, nasty(form)).json()["type"] == {"deepfake": 0.233}


def test_a_failure_to_the_letter(room: Live) -> None:
    answer = upload(room, genuine(), api_secret="nobody's")
    shape = (
        r'\{"status": "failure", "request": \{"id": "req_\w+", "timestamp": \d+\.\d{1,4},'
        r' "operations": 0\}, "error": \{"type": "credentials_error", "code": 401,'
        r' "message": "This hash_id is not known\."\}\}'
    )
    assert answer.status_code == 401
    assert re.fullmatch(shape, answer.text)


def test_the_envelope_tells_time_and_request(live: Live) -> None:
    before = time.time()
    answer = upload(live, genuine())
    request = answer.json()["request"]
    assert before - 1 < request["timestamp"] < time.time() + 1
    assert request["id"] == f"req_{answer.headers['X-Request-ID']}"


def test_an_address(checks: Live, site: Site) -> None:
    answer = checks.get(PATH, params=fields(checks, url=site.url("/face.jpg"))).json()
    assert answer["type"] == {"deepfake": 0.233}
    assert answer["media"]["uri"] == site.url("/face.jpg")


def test_an_address_in_a_form(checks: Live, site: Site) -> None:
    answer = checks.post(PATH, data=fields(checks, url=site.url("/face.jpg")))
    CheckAnswer.model_validate_json(answer.content, extra="forbid")


def test_the_published_client_library(checks: Live, site: Site) -> None:
    client = Check("test", checks.hash_id, "deepfake")
    client.endpoint = f"{checks.base}/1.0/"
    answers = [
        client.set_url(site.url("/face.jpg")),
        client.set_file(str(DEMO / "genuine.jpg")),
        client.set_bytes(genuine()),
    ]
    assert {answer["type"]["deepfake"] for answer in answers} == {0.233}


def test_its_failures_reach_that_library_as_well(checks: Live) -> None:
    client = Check("test", "wrong", "deepfake")
    client.endpoint = f"{checks.base}/1.0/"
    assert client.set_bytes(genuine())["error"]["type"] == "credentials_error"


def test_a_deepfake(deepfake: Live) -> None:
    assert upload(deepfake, genuine()).json()["type"] == {"deepfake": 0.977}


def test_several_faces_are_one_operation(live: Live) -> None:
    answer = upload(live, _twins()).json()
    assert (answer["type"]["deepfake"], answer["request"]["operations"]) == (0.233, 1)


def test_operations_count_against_the_quota_and_failures_do_not(live: Live) -> None:
    key = live.issue(per_day=2)
    for image in (b"junk", genuine(), nasty("truncated.jpg"), genuine()):
        upload(live, image, api_secret=key)
    answer = upload(live, genuine(), api_secret=key)
    assert failed(answer) == (429, "usage_limit")
    assert int(answer.headers["Retry-After"]) > 0


def test_the_name_must_be_that_of_the_licence_and_a_wrong_one_costs_nothing(live: Live) -> None:
    key = live.issue(name="Bank", per_day=1)
    wrong = upload(live, genuine(), api_secret=key)
    assert failed(wrong) == (401, "credentials_error")
    assert wrong.json()["error"] == upload(live, genuine(), api_secret="x").json()["error"]
    assert upload(live, genuine(), api_secret=key, api_user="Bank").status_code == 200


@pytest.mark.parametrize("missing", ["models", "api_user", "api_secret", "media"])
def test_what_is_missing_is_named(live: Live, missing: str) -> None:
    sent = {name: value for name, value in fields(live).items() if name != missing}
    files = {} if missing == "media" else {"media": genuine()}
    answer = live.post(PATH, data=sent, files=files | {"other": b""})
    assert failed(answer) == (400, "argument_error")
    name = "url" if missing == "media" else missing
    assert answer.json()["error"]["message"] == f"The parameter {name} is missing."


def test_a_model_that_is_not_there(live: Live) -> None:
    answer = upload(live, genuine(), models="deepfake, nudity-2.1")
    assert failed(answer) == (400, "argument_error")
    assert "'nudity-2.1'" in answer.json()["error"]["message"]


def test_a_model_named_twice_is_one_operation(live: Live) -> None:
    assert upload(live, genuine(), models="deepfake,deepfake").json()["request"]["operations"] == 1


@pytest.mark.parametrize(
    ("image", "status"), [(b"", 400), (b"junk", 400), (nasty("truncated.jpg"), 400)]
)
def test_a_broken_image(live: Live, image: bytes, status: int) -> None:
    assert failed(upload(live, image)) == (status, "media_error")


def test_no_face_is_no_score(live: Live) -> None:
    answer = upload(live, encode(portrait().crop((0, 0, 90, 90))))
    assert failed(answer) == (422, "media_error")
    assert answer.json()["error"]["code"] == TYPES["FACE_NOT_FOUND"][1]


def test_json_is_not_what_this_contract_takes(live: Live) -> None:
    body = fields(live, media=base64.b64encode(genuine()).decode())
    assert failed(live.post(PATH, json=body)) == (415, "request_error")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_a_wrong_method_has_the_envelope_as_well(live: Live, method: str) -> None:
    answer = requests.request(method, live.base + PATH, timeout=60)
    assert failed(answer) == (405, "request_error")
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}


@pytest.mark.parametrize("path", ["/1.0/", "/1.0/check", "/1.0/video/check.json"])
def test_and_so_has_what_is_not_there(live: Live, path: str) -> None:
    assert failed(live.get(path)) == (404, "request_error")
    assert failed(live.post(path, data=b"x")) == (404, "request_error")


def test_too_large_an_upload(live: Live) -> None:
    big = b"x" * (live.settings.max_body_bytes + 1)
    assert failed(upload(live, big)) == (413, "request_error")


def test_other_terms_of_a_licence(live: Live) -> None:
    over = live.issue(expires_at=time.time() - 1)
    none = live.issue(features=("history",))
    assert failed(upload(live, genuine(), api_secret=over)) == (403, "credentials_error")
    assert failed(upload(live, genuine(), api_secret=none)) == (403, "plan_error")


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.2/a.jpg", "http://[::ffff:127.0.0.2]/", "http://0/",
     "http://169.254.169.254/latest/meta-data/", "http://2130706434/", "http://x@127.0.0.1/"],
)  # fmt: skip
def test_addresses_that_only_we_can_reach(checks: Live, url: str) -> None:
    answer = checks.get(PATH, params=fields(checks, url=url))
    assert failed(answer) == (400, "media_error")
    assert answer.json()["error"]["code"] == TYPES["URL_REFUSED"][1]


def test_a_redirect_into_the_cloud(checks: Live, site: Site) -> None:
    answer = checks.get(PATH, params=fields(checks, url=site.url("/away")))
    assert answer.json()["error"]["code"] == TYPES["URL_REFUSED"][1]


def test_what_the_address_does_not_give(checks: Live, site: Site) -> None:
    answer = checks.get(PATH, params=fields(checks, url=site.url("/nothing")))
    assert failed(answer) == (400, "media_error")
    assert answer.json()["error"]["message"] == "The address answered with status 404."


def test_nothing_is_fetched_for_who_has_no_licence(checks: Live, site: Site) -> None:
    before = len(site.asked)
    url = site.url("/face.jpg")
    for wrong in ({"api_secret": "x"}, {"api_user": "x"}):
        assert checks.get(PATH, params=fields(checks, url=url) | wrong).status_code == 401
    assert len(site.asked) == before


def test_a_failed_fetch_costs_nothing(checks: Live, site: Site) -> None:
    key = checks.issue(per_day=1)
    sent = fields(checks, api_secret=key)
    checks.get(PATH, params=sent | {"url": site.url("/nothing")})
    assert checks.get(PATH, params=sent | {"url": site.url("/face.jpg")}).status_code == 200


def test_the_secret_is_not_logged(checks: Live) -> None:
    assert checks.hash_id not in checks.log()


def test_who_sits_on_the_line_leaves_room_for_the_others(site: Site, checks: Live) -> None:
    """More slow addresses than may be fetched at once: the rest is told so, probes go on."""
    from concurrent.futures import ThreadPoolExecutor

    site.pages["/slow"] = lambda _: site.over.wait(3) and None
    params = fields(checks, url=site.url("/slow"))
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(requests.get, checks.base + PATH, params, timeout=60) for _ in "8" * 8]
        assert checks.get("/healthz").status_code == 200
        statuses = sorted(one.result().status_code for one in asked)
    assert statuses == [400] * 4 + [503] * 4


TEXT = st.text(max_size=40)


@settings(max_examples=either(60, 25), deadline=None, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(st.sampled_from(["models", "api_user", "api_secret", "url", "x"]), TEXT))
def test_no_parameter_breaks_the_envelope(checks: Live, odd: dict[str, str]) -> None:
    for answer in (checks.get(PATH, params=odd), checks.post(PATH, data=odd)):
        if answer.status_code != 415:
            assert failed(answer)[0] in {400, 401}


@settings(max_examples=either(30, 15), deadline=None, suppress_health_check=list(HealthCheck))
@given(TEXT)
def test_no_address_breaks_the_envelope(checks: Live, url: str) -> None:
    answer = checks.get(PATH, params=fields(checks, url=url))
    assert failed(answer)[0] == 400


@settings(max_examples=either(40, 15), deadline=None, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=60), st.text(max_size=20), st.booleans())
def test_no_upload_breaks_the_envelope(live: Live, junk: bytes, name: str, begins: bool) -> None:
    """Junk, and what begins as an image does."""
    image = genuine()[:400] + junk if begins else junk
    answer = live.post(PATH, data=fields(live), files={"media": (name or "x", image)})
    assert failed(answer)[0] == 400


def test_every_code_that_can_meet_this_contract_has_its_type() -> None:
    numbers = [number for _, number in (*TYPES.values(), UNKNOWN)]
    assert len(set(numbers)) == len(numbers)
    document = json.dumps(_responses())
    shown = set(re.findall(r'"([A-Z_]+)": \{"value"', document))
    unreachable = {"NOT_FOUND", "METHOD_NOT_ALLOWED"}  # by what the document tells to call
    assert shown | unreachable == {*TYPES, FacegateError.code}


def _responses() -> Any:
    from service.api.openapi.document import document

    methods = document(16)["paths"][PATH]
    return [method["responses"] for method in methods.values()]


def test_the_page_lists_every_code() -> None:
    text = (Path(__file__).parents[2] / "docs" / "check.md").read_text()
    rows = set(re.findall(r"\| `(\w+)` \| (\d+) \| `(\w+)` \|", text))
    unknown = (UNKNOWN[0], str(UNKNOWN[1]), FacegateError.code)
    assert rows == {(kind, str(n), code) for code, (kind, n) in TYPES.items()} | {unknown}
