"""Signed answers over HTTP: the contract's bytes stay, and every signature holds."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from PIL import Image

from service.signing.statement import NotGenuine, attach, verify
from tests.commands.conftest import command_in
from tests.images import encode, genuine
from tests.live import Live, data_uri

PAGE = (Path(__file__).parents[2] / "docs" / "signed-answers.md").read_text()
PROGRAMS = dict(re.findall(r"`(check\.\w+|Check\.java)`.*?\n\n```\w+\n(.*?)```", PAGE, re.S))
JOSE = {"Accept": "application/jose"}


@pytest.fixture(scope="module")
def signing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with Live(tmp_path_factory.mktemp("signing"), probability=0.233, sign=True) as service:
        yield service


def keys(live: Live) -> list[dict[str, str]]:
    found: list[dict[str, str]] = live.get("/.well-known/jwks.json").json()["keys"]
    return found


def stated(live: Live, answer: requests.Response) -> dict[str, Any]:
    """By the headers; the body is the signed one."""
    signature, payload = (answer.headers[f"Facegate-{x}"] for x in ("Signature", "Statement"))
    statement = verify(attach(signature, payload), keys(live))
    assert statement["body_sha256"] == hashlib.sha256(answer.content).hexdigest()
    assert statement["request_id"] == answer.headers["X-Request-ID"]
    assert statement["status"] == answer.status_code
    return statement


def test_the_published_contract_is_untouched_and_signed(signing: Live) -> None:
    body = {"hash_id": signing.hash_id, "selfie_image": data_uri(genuine())}
    answer = signing.post("/liveness", json=body)
    assert answer.content == (
        b'{"deepfake_result": {"deepfake_score": 0.233, "is_deepfake": 0,'
        b' "message": "Provided image is not deepfake!"}, "status": "Success"}'
    )
    statement = stated(signing, answer)
    (judged,) = statement["judgements"]
    assert judged["sha256"] == hashlib.sha256(genuine()).hexdigest()
    assert (judged["decision"], judged["detectors"]) == ("bona_fide", {"steady": "1.0.0"})
    assert statement["contract"] == "/liveness"
    assert statement["versions"]["facegate"]


def ask(live: Live, contract: str, **headers: str) -> requests.Response:
    """A sound request by this contract."""
    image, headers = genuine(), {"X-Hash-Id": live.hash_id, **headers}
    form = {"models": "deepfake", "api_user": "test", "api_secret": live.hash_id}
    bodies: dict[str, dict[str, Any]] = {
        "/v1/analyze": {"files": {"image": image}},
        "/v1/analyze/batch": {"files": {"images": image}},
        "/v1/jobs": {"files": {"media": image}},
        "/1.0/check.json": {"data": form, "files": {"media": image}},
        "/predict": {
            "json": {"media_type": "image", "image_data": base64.b64encode(image).decode()}
        },
        "/detect": {"files": {"file": ("a.jpg", image)}},
        "/invocations": {"data": image},
    }
    if contract == "/invocations":
        headers["Content-Type"] = "image/jpeg"
    if contract in bodies:
        return live.post(contract, headers=headers, **bodies[contract])
    return live.get(contract, headers=headers)


CONTRACTS = {
    "/v1/analyze": "bona_fide",
    "/v1/analyze/batch": "bona_fide",
    "/1.0/check.json": "bona_fide",
    "/predict": "real",
    "/detect": "real",
    "/invocations": "bona_fide",
    "/v1/results": None,
    "/v1/model-card": None,
    "/v1/jobs": None,
}


@pytest.mark.parametrize("contract", CONTRACTS)
def test_every_contract_is_signed(signing: Live, contract: str) -> None:
    answer = ask(signing, contract)
    assert answer.ok, answer.text
    statement = stated(signing, answer)
    decisions = [one["decision"] for one in statement["judgements"]]
    assert decisions == [CONTRACTS[contract]] * (CONTRACTS[contract] is not None)


@pytest.mark.parametrize("contract", CONTRACTS)
def test_where_jose_is_accepted_the_body_is_signed(live: Live, contract: str) -> None:
    answer = ask(live, contract, **JOSE)
    assert answer.headers["Content-Type"] == "application/jose"
    statement = verify(answer.text, keys(live))
    assert isinstance(statement["answer"], dict | list)
    assert statement["contract"] == contract


@pytest.mark.parametrize(
    "accepted", ["*/*", "application/*", "application/json, application/jose;q=0.1"]
)
def test_nobody_gets_a_signature_who_did_not_ask(live: Live, accepted: str) -> None:
    answer = ask(live, "/v1/analyze", Accept=accepted)
    assert answer.headers["Content-Type"] == "application/json"
    assert "Facegate-Signature" not in answer.headers


def test_a_refusal_is_signed_with_its_reason(signing: Live) -> None:
    empty = encode(Image.new("RGB", (600, 600), "grey"))
    statement = stated(signing, signing.analyze(empty))
    (judged,) = statement["judgements"]
    assert (judged["decision"], judged["reason"]) == ("refused", "FACE_NOT_FOUND")
    assert judged["sha256"] == hashlib.sha256(empty).hexdigest()
    assert stated(signing, signing.get("/nothing"))["status"] == 404


def test_a_kept_result_is_signed_when_it_is_asked_for(signing: Live) -> None:
    known = signing.analyze(genuine()).json()["id"]
    statement = stated(signing, signing.results(f"/{known}"))
    assert statement["judgements"][0]["sha256"] == hashlib.sha256(genuine()).hexdigest()


def test_lines_are_signed_and_a_long_statement_fits_no_header(signing: Live) -> None:
    line = json.dumps(data_uri(genuine()))
    headers = {"X-Hash-Id": signing.hash_id, "Content-Type": "application/jsonlines"}
    answer = signing.post("/invocations", data="\n".join([line] * 20), headers=headers)
    statement = stated(signing, answer)
    assert (statement["judgements"], statement["left_out"]) == ([], 20)
    whole = signing.post("/invocations", data="\n".join([line] * 20), headers=headers | JOSE)
    statement = verify(whole.text, keys(signing))
    assert len(statement["judgements"]) == len(statement["answer"]) == 20


def test_health_is_not_signed(signing: Live) -> None:
    for path in ("/healthz", "/readyz", "/openapi.json", "/.well-known/jwks.json"):
        assert "Facegate-Signature" not in signing.get(path, headers=JOSE).headers


def test_a_new_key_signs_at_once_and_the_old_one_stays_published(signing: Live) -> None:
    before, old = keys(signing), signing.get("/v1/model-card")
    assert all("d" not in one for one in before)
    ran = command_in(signing.folder)("signing-keys", "rotate")
    assert ran.returncode == 0, ran.stderr
    after = keys(signing)
    assert after[1:] == before
    assert after[0]["kid"] in ran.stdout
    assert stated(signing, old)
    new = signing.get("/v1/model-card")
    with pytest.raises(NotGenuine, match="No known key"):
        verify(attach(new.headers["Facegate-Signature"], new.headers["Facegate-Statement"]), before)
    assert stated(signing, new)
    kept = json.loads((signing.settings.data_dir / "answers.jwks").read_text())["keys"]
    assert ["d" in one for one in kept] == [True, False]


COMMANDS = {
    "check.py": [sys.executable],
    "check.mjs": ["node"],
    "Check.java": ["java"],
}


@pytest.fixture(scope="module")
def files(signing: Live, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of the page, and what they read."""
    folder = tmp_path_factory.mktemp("backend")
    answer = ask(signing, "/v1/analyze")
    heads = [f"{name}: {value}\r\n" for name, value in answer.headers.items()]
    (folder / "answer.headers").write_text("HTTP/1.1 200 OK\r\n" + "".join(heads), newline="")
    (folder / "answer.json").write_bytes(answer.content)
    (folder / "jwks.json").write_text(signing.get("/.well-known/jwks.json").text)
    (folder / "selfie.jpg").write_bytes(genuine())
    (folder / "other").write_bytes(b"something else")
    for name, text in PROGRAMS.items():
        (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize("program", COMMANDS)
def test_the_programs_of_the_page(files: Path, program: str) -> None:
    """Each finds the answer genuine, and another body and another medium out."""
    if shutil.which(COMMANDS[program][0]) is None:
        pytest.skip(f"{COMMANDS[program][0]} is not installed")

    def run(body: str, medium: str) -> subprocess.CompletedProcess[str]:
        words = [*COMMANDS[program], program, "answer.headers", body, "jwks.json", medium]
        return subprocess.run(words, cwd=files, capture_output=True, text=True, check=False)

    good = run("answer.json", "selfie.jpg")
    assert (good.returncode, good.stdout.strip()) == (0, "bona_fide"), good.stderr
    assert "the body was changed" in run("other", "selfie.jpg").stderr
    if program != "Check.java":  # each start of a Java machine takes seconds
        assert "another medium" in run("answer.json", "other").stderr
