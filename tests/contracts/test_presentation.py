"""A presentation attack in every contract: warned of, deciding, or not looked for."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.conftest import GENUINE
from tests.contracts.test_facia import REAL, liveness
from tests.images import genuine
from tests.live import Live, data_uri

PRESENTED = 0.9
DECIDED = (
    b'{"deepfake_result": {"deepfake_score": 0.9, "is_deepfake": 1,'
    b' "message": "Provided image is a presentation attack!", "code": "PRESENTATION_ATTACK"},'
    b' "status": "Success"}'
)
VERDICT = (
    b'{"verdict":"real","confidence_in_verdict":0.767,"ensemble_score_is_fake":0.233,'
    b'"ensemble_method_used":"average",'
    b'"model_results":{"steady":{"probability":0.233,"class":"real"}}'
)


def service(
    mode: str, tmp_path_factory: pytest.TempPathFactory, presented: float = PRESENTED
) -> Iterator[Live]:
    folder = tmp_path_factory.mktemp(mode)
    with Live(folder, probability=GENUINE, presented=presented, presentation=mode) as live:
        yield live


@pytest.fixture(scope="module")
def warning(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    yield from service("warn", tmp_path_factory)


@pytest.fixture(scope="module")
def deciding(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    yield from service("decide", tmp_path_factory)


@pytest.fixture(scope="module")
def off(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    yield from service("off", tmp_path_factory)


def analyze(live: Live) -> Any:
    headers = {"X-Hash-Id": live.hash_id}
    return live.post("/v1/analyze", files={"image": genuine()}, headers=headers).json()


def predict(live: Live) -> bytes:
    body = {"image_data": base64.b64encode(genuine()).decode()}
    return live.post("/predict", json=body, headers={"X-Hash-Id": live.hash_id}).content


def check(live: Live, models: str) -> requests.Response:
    who = {"models": models, "api_user": "test", "api_secret": live.hash_id}
    return live.post("/1.0/check.json", data=who, files={"media": ("me.jpg", genuine())})


def invoke(live: Live) -> requests.Response:
    headers = {"X-Hash-Id": live.hash_id, "Content-Type": "image/jpeg"}
    return live.post("/invocations", data=genuine(), headers=headers)


def test_liveness_stays_what_it_was(warning: Live, off: Live) -> None:
    for live in (warning, off):
        assert liveness(live, data_uri(genuine())).content == REAL


def test_liveness_where_it_decides(deciding: Live) -> None:
    assert liveness(deciding, data_uri(genuine())).content == DECIDED


def test_our_own_route_shows_each_task(warning: Live, deciding: Live, off: Live) -> None:
    warned, decided, alone = analyze(warning), analyze(deciding), analyze(off)
    assert (warned["decision"], warned["is_deepfake"]) == ("bona_fide", False)
    assert [(one["task"], one["decision"], one["advisory"]) for one in warned["findings"]] == [
        ("deepfake", "bona_fide", False),
        ("presentation_attack", "attack", True),
    ]
    assert warned["findings"][1]["score"] == pytest.approx(PRESENTED)
    assert (decided["decision"], decided["is_deepfake"]) == ("presentation_attack", True)
    assert decided["score"] == pytest.approx(PRESENTED)
    assert [one["task"] for one in alone["findings"]] == ["deepfake"]
    assert len({one["fingerprint"] for one in (warned, decided, alone)}) == 3


def test_the_gateway(warning: Live, deciding: Live, off: Live) -> None:
    found = b',"findings":[{"task":"presentation_attack","probability":0.9,"decides":false}]}'
    assert predict(off) == VERDICT + b"}"
    assert predict(warning) == VERDICT + found
    decided = json.loads(predict(deciding))
    assert (decided["verdict"], decided["ensemble_score_is_fake"]) == ("fake", PRESENTED)
    assert decided["findings"][0]["decides"] is True


def test_the_check_answers_what_is_asked(warning: Live, off: Live) -> None:
    assert check(warning, "deepfake").json()["type"] == {"deepfake": GENUINE}
    both = check(warning, "presentation_attack,deepfake").json()
    assert both["type"] == {"presentation_attack": PRESENTED, "deepfake": GENUINE}
    assert both["request"]["operations"] == 2
    refused = check(off, "presentation_attack")
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, 101)


def test_sagemaker(warning: Live, deciding: Live, off: Live) -> None:
    name = "X-Amzn-SageMaker-Custom-Attributes"
    answers = [invoke(live) for live in (warning, deciding, off)]
    assert [one.json()[0]["label"] for one in answers] == ["real", "fake", "real"]
    assert answers[0].headers[name].endswith(";presentation_attack=0.900")
    assert "presentation_attack" not in answers[2].headers[name]


def test_health_and_metrics_name_it(warning: Live) -> None:
    analyze(warning)
    names = [one["name"] for one in warning.get("/readyz").json()["models"]]
    assert "shown" in names
    line = 'facegate_findings_total{decision="attack",task="presentation_attack"}'
    assert line in warning.get("/metrics").text


def test_nothing_is_shown_where_nothing_is_found(tmp_path_factory: pytest.TempPathFactory) -> None:
    with next_service(tmp_path_factory) as live:
        assert liveness(live, data_uri(genuine())).content == REAL
        assert predict(live) == VERDICT + b"}"
        assert "presentation" not in str(invoke(live).headers)


def next_service(tmp_path_factory: pytest.TempPathFactory) -> Live:
    folder = tmp_path_factory.mktemp("sound")
    return Live(folder, probability=GENUINE, presented=0.1, presentation="decide")
