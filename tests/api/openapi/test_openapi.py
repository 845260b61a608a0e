"""The OpenAPI document says what the routes do."""

from __future__ import annotations

import re
from typing import Any

import pytest

from service.api.facia.schemas import LivenessAnswer
from service.api.http.schemas import Health, Readiness
from service.api.openapi.document import ASSETS, document
from service.api.v1 import schemas
from service.app import create_app
from service.errors import SENTENCES, CloudError, FacegateError, StartupError
from service.settings import Settings
from tests.images import genuine
from tests.live import Live, data_uri

UNDOCUMENTED = {"/docs/{name}", "/capture/{name}"}  # the pages' own parts


@pytest.fixture(scope="module")
def paths() -> dict[str, Any]:
    found: dict[str, Any] = document(16)["paths"]
    return found


def test_it_is_served(live: Live) -> None:
    answer = live.get("/openapi.json").json()
    assert answer == document(live.settings.max_batch)
    assert answer["openapi"] == "3.1.0"


def test_every_route_and_method_is_in_it_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, paths: dict[str, Any]
) -> None:
    app = create_app(
        Settings(data_dir=tmp_path_factory.mktemp("data"), store="null", console="off")
    )
    routes = {
        (re.sub(r"<(?:\w+:)?(?:result_|entry_|job_)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    documented = {(path, method) for path, item in paths.items() for method in item}
    assert {one for one in routes if one[0] not in UNDOCUMENTED} == documented


def test_every_error_code_is_in_it(paths: dict[str, Any]) -> None:
    shown = {
        code
        for item in paths.values()
        for operation in item.values()
        for answer in operation["responses"].values()
        for code in answer.get("content", {}).get("application/json", {}).get("examples", {})
    }
    unreachable = {StartupError.code, "NOT_FOUND", "METHOD_NOT_ALLOWED", "HEADERS_TOO_LARGE"}
    unreachable |= {"UNREADABLE", *_codes(CloudError)}
    unreachable |= {"BAD_MESSAGE", "CALLBACK_REFUSED", "CALLBACK_UNAVAILABLE", "INFERENCE_FAILED"}
    unreachable |= {"WRONG_FORM", "SESSION_ENDED", "NOT_ALLOWED", "STORE_TOO_SLOW"}  # the console's
    unreachable |= {"USER_NOT_FOUND", "LAST_ADMINISTRATOR"}
    unreachable |= {"JOB_ABANDONED"}  # told in the job itself
    unreachable |= {"REQUEST_TIMEOUT"}  # of a request that never became one
    unreachable |= {"RANGE_BEYOND_END"}  # of the pages' own files
    assert shown == {*_codes(FacegateError), *SENTENCES} - unreachable


def _codes(error: type[FacegateError]) -> set[str]:
    return {error.code}.union(*(_codes(child) for child in error.__subclasses__()))


def test_every_reference_leads_to_a_schema() -> None:
    text = str(document(16))
    named = set(re.findall(r"#/components/schemas/(\w+)", text))
    assert named <= document(16)["components"]["schemas"].keys()


def test_operation_ids_are_unique_and_all_summed_up(paths: dict[str, Any]) -> None:
    operations = [operation for item in paths.values() for operation in item.values()]
    assert len({one["operationId"] for one in operations}) == len(operations)
    assert all(one["summary"] and one["tags"] for one in operations)


ANSWERS = {
    "/v1/results": schemas.ResultPage,
    "/healthz": Health,
    "/readyz": Readiness,
}


@pytest.mark.parametrize("path", ANSWERS)
def test_get_answers_have_the_documented_shape_and_nothing_more(live: Live, path: str) -> None:
    answer = live.results() if path == "/v1/results" else live.get(path)
    ANSWERS[path].model_validate_json(answer.content, extra="forbid")


def test_post_answers_have_the_documented_shape_and_nothing_more(live: Live) -> None:
    one = live.analyze(genuine(), explain=True).content
    schemas.AnalyzeAnswer.model_validate_json(one, extra="forbid")
    body = {"hash_id": live.hash_id, "images": [{"image": data_uri(genuine())}, {"image": "x"}]}
    many = live.post("/v1/analyze/batch", json=body).content
    schemas.BatchAnswer.model_validate_json(many, extra="forbid")
    liveness = {"hash_id": live.hash_id, "selfie_image": data_uri(genuine())}
    LivenessAnswer.model_validate_json(
        live.post("/liveness", json=liveness).content, extra="forbid"
    )


def test_the_model_card_needs_no_licence(live: Live) -> None:
    card = live.get("/v1/model-card").json()
    assert card["detectors"][0]["name"] == "steady"
    assert card["detectors"][0]["licence"]
    assert card["operating_point"] == {"bpcer": 0.05, "threshold": 0.5}
    assert "/" not in card["detectors"][0]["file"]


@pytest.mark.parametrize("name", [*ASSETS, "start.js"])
def test_the_pages_parts_are_local(live: Live, name: str) -> None:
    answer = live.get(f"/docs/{name}")
    assert answer.status_code == 200
    assert len(answer.content) > 100


@pytest.mark.parametrize("name", ["plugins.py", "..%2f..%2fplugins.py", "js", "nope.js"])
def test_only_the_pages_parts_are_served(live: Live, name: str) -> None:
    assert live.get(f"/docs/{name}").json()["code"] == "NOT_FOUND"
