"""Provenance over HTTP: shown by our own routes, refusing where asked, nothing to the others."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.provenance import files
from tests.conftest import GENUINE
from tests.contracts.test_facia import REAL, liveness
from tests.images import genuine, portrait
from tests.live import Live, data_uri

SENTENCE = "The file holds text that image editors leave. Send a picture as the camera took it."


@pytest.fixture(scope="module")
def painted() -> bytes:
    return files.jpeg(portrait(), comment="Created with GIMP")


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    folder = tmp_path_factory.mktemp("refusing")
    more = {"provenance_refuse": "editor_text", "provenance_flag": "saved_twice"}
    with Live(folder, probability=GENUINE, **more) as service:
        yield service


def signals(body: Any) -> set[str]:
    return {one["rule"] for one in body["provenance"]["signals"]}


def test_analyze_shows_facts_and_rules_with_their_sentences(live: Live, painted: bytes) -> None:
    body = live.analyze(painted).json()
    assert "editor_text" in signals(body)
    shown = body["provenance"]
    (signal,) = [one for one in shown["signals"] if one["rule"] == "editor_text"]
    assert signal == {
        "rule": "editor_text",
        "action": "report",
        "sentence": "The file holds text that image editors leave.",
    }
    assert shown["facts"]["encoder"]["quality"] == 90
    assert shown["facts"]["tools"] == [{"name": "GIMP", "kind": "editor", "where": "jpeg:comment"}]
    assert shown["flagged"] is False


def test_kept_results_show_them_too(live: Live, painted: bytes) -> None:
    body = live.analyze(painted).json()
    assert live.results(f"/{body['id']}").json()["provenance"] == body["provenance"]


def test_liveness_answers_byte_for_byte_as_before(live: Live, painted: bytes) -> None:
    assert liveness(live, data_uri(painted)).content == REAL


def test_a_refusal_has_a_code_of_its_own_in_every_contract(refusing: Live, painted: bytes) -> None:
    answer = refusing.analyze(painted)
    assert answer.status_code == 422
    assert (answer.json()["code"], answer.json()["error"]) == ("PROVENANCE_REFUSED", SENTENCE)
    facia = liveness(refusing, data_uri(painted))
    assert facia.status_code == 422
    assert facia.json() == {"error": SENTENCE, "code": "PROVENANCE_REFUSED"}
    checked = refusing.post(
        "/1.0/check.json",
        data={"models": "deepfake", "api_user": "test", "api_secret": refusing.hash_id},
        files={"media": painted},
    ).json()
    assert checked["error"]["type"] == "media_error"
    assert refusing.analyze(genuine()).status_code == 200


def test_refusals_are_counted(refusing: Live, painted: bytes) -> None:
    refusing.analyze(painted)
    text = refusing.get("/metrics").text
    assert 'facegate_rejections_total{reason="PROVENANCE_REFUSED"}' in text
    assert 'facegate_provenance_total{action="refuse",rule="editor_text"}' in text


def test_a_batch_refuses_one_picture_and_judges_the_others(refusing: Live, painted: bytes) -> None:
    answer = refusing.post(
        "/v1/analyze/batch",
        headers={"X-Hash-Id": refusing.hash_id},
        files=[("images", ("a.jpg", painted)), ("images", ("b.jpg", genuine()))],
    ).json()
    first, second = answer["results"]
    assert (first["code"], second["result"]["decision"]) == ("PROVENANCE_REFUSED", "bona_fide")


def test_detect_shows_them(tmp_path: Path, painted: bytes) -> None:
    picture = tmp_path / "painted.jpg"
    picture.write_bytes(painted)
    command = [str(Path(sys.executable).parent / "facegate"), "detect", str(picture)]
    environment = os.environ | {"FACEGATE_PROFILE": "fast", "FACEGATE_DATA_DIR": str(tmp_path)}
    done = subprocess.run(
        [*command, "--format", "json"], capture_output=True, env=environment, check=False
    )
    (document,) = json.loads(done.stdout)
    assert "editor_text" in signals(document["analysis"])
