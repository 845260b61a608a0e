"""`facegate verify-answer` and `facegate signing-keys`."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from service.settings import Settings
from service.signing import SigningKeys
from service.signing.statement import detach, sign
from tests.commands.conftest import Run

BODY = b'{"a": 1}'
MEDIUM = b"a picture"
STATEMENT = {
    "judgements": [{"sha256": hashlib.sha256(MEDIUM).hexdigest(), "decision": "deepfake"}],
    "body_sha256": hashlib.sha256(BODY).hexdigest(),
}


@pytest.fixture
def signed(tmp_path: Path) -> str:
    """By the key of the command's data folder."""
    (tmp_path / "medium").write_bytes(MEDIUM)
    return sign(STATEMENT, SigningKeys(Settings(data_dir=tmp_path / "data")).current())


def response(signed: str, body: bytes = BODY) -> bytes:
    signature, payload = detach(signed)
    head = f"HTTP/1.1 200 OK\r\nFacegate-Signature: {signature}\r\nfacegate-statement: {payload}"
    return b"HTTP/1.1 100 Continue\r\n\r\n" + head.encode() + b"\r\n\r\n" + body


def test_a_genuine_answer_is_printed(facegate: Run, signed: str, tmp_path: Path) -> None:
    answer = tmp_path / "answer"
    jose = b"HTTP/1.1 200 OK\r\nContent-Type: application/jose\r\n\r\n" + signed.encode()
    for data in (signed.encode(), signed.encode() + b"\n", response(signed), jose):
        answer.write_bytes(data)
        ran = facegate("verify-answer", answer, "--medium", tmp_path / "medium")
        assert (ran.returncode, ran.stderr) == (0, "")
        assert json.loads(ran.stdout) == STATEMENT


def test_what_does_not_hold_is_told(facegate: Run, signed: str, tmp_path: Path) -> None:
    answer = tmp_path / "answer"
    changed = signed.partition(".")[0] + ".e30." + signed.rpartition(".")[2]
    for data, why in (
        (changed.encode(), "The signature does not hold: something was changed."),
        (response(signed, b'{"a": 2}'), "The body is not the one that was signed."),
        (b"HTTP/1.1 200 OK\r\n\r\n{}", "This answer is not signed."),
        (b"HTTP/1.1 200 OK\r\nFacegate-Signature: a\r\n\r\n", "The signature is no detached JWS."),
    ):
        answer.write_bytes(data)
        ran = facegate("verify-answer", answer)
        assert (ran.returncode, ran.stderr.strip(), ran.stdout) == (1, why, "")
    answer.write_text(signed)
    ran = facegate("verify-answer", answer, "--medium", answer)
    assert (ran.returncode, ran.stderr) == (1, "The answer is about another medium.\n")


def test_an_auditor_has_the_published_keys_alone(
    facegate: Run, signed: str, tmp_path: Path
) -> None:
    (tmp_path / "answer").write_text(signed)
    (tmp_path / "jwks.json").write_text(facegate("signing-keys", "show").stdout)
    facegate("signing-keys", "rotate")
    elsewhere = {"data_dir": tmp_path / "auditor"}
    words = ["verify-answer", tmp_path / "answer"]
    assert facegate(*words, "--keys", tmp_path / "jwks.json", **elsewhere).returncode == 0
    assert facegate(*words).returncode == 0
    ran = facegate(*words, **elsewhere)
    assert (ran.returncode, "has no signing keys" in ran.stderr) == (3, True)
    ran = facegate(*words, "--keys", tmp_path / "answer", **elsewhere)
    assert (ran.returncode, "is no JSON Web Key set" in ran.stderr) == (3, True)
    ran = facegate("verify-answer", tmp_path / "none")
    assert (ran.returncode, "cannot be read" in ran.stderr) == (3, True)
    assert not list((tmp_path / "auditor").glob("*.jwks"))


def test_a_new_key_is_an_act_of_the_audit_log(facegate: Run) -> None:
    facegate("signing-keys", "rotate", audit="required")
    assert '\\"act\\":\\"signing key changed\\"' in facegate("audit", "export").stdout
