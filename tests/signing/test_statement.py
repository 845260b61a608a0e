"""A signature holds for what was signed, and for nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jwt import PyJWS
from jwt.utils import base64url_decode, base64url_encode

from service.app import create_app
from service.errors import StartupError
from service.settings import Settings
from service.signing import SigningKeys
from service.signing.keys import new_key, parse, public_keys
from service.signing.statement import NotGenuine, attach, detach, sign, verify

KEYS = parse(json.dumps({"keys": [new_key()]}))
STATEMENT = {"score": 1e-06, "at": "now", "ü": [1, 2.5, True, None], "judgements": []}


def test_what_was_signed_comes_back_in_canonical_form() -> None:
    signed = sign(STATEMENT, KEYS)
    assert verify(signed, KEYS.public) == STATEMENT
    payload = base64url_decode(signed.split(".")[1]).decode()
    assert payload == '{"at":"now","judgements":[],"score":0.000001,"ü":[1,2.5,true,null]}'
    assert PyJWS().get_unverified_header(signed)["alg"] == "EdDSA"


def test_a_detached_signature_holds_together_with_its_statement() -> None:
    detached, payload = detach(sign(STATEMENT, KEYS))
    assert ".." in detached
    assert verify(attach(detached, payload), KEYS.public) == STATEMENT


@given(st.data())
def test_any_change_is_found(data: st.DataObject) -> None:
    signed = sign(STATEMENT, KEYS)
    at = data.draw(st.integers(0, len(signed) - 2))  # the last character has bits of no use
    other = data.draw(st.characters(min_codepoint=33, max_codepoint=126).filter(signed[at].__ne__))
    with pytest.raises(NotGenuine):
        verify(signed[:at] + other + signed[at + 1 :], KEYS.public)


@pytest.mark.parametrize("text", ["", "a.b.c", "....", "\N{SNOWMAN}", "e30.e30.e30", "{}"])
def test_what_is_no_signed_answer(text: str) -> None:
    with pytest.raises(NotGenuine):
        verify(text, KEYS.public)


def test_no_other_algorithm_and_no_other_kind_of_text_is_taken() -> None:
    header = {"kid": KEYS.kid, "typ": "facegate-answer+jws"}
    unsigned = [base64url_encode(json.dumps(header | {"alg": "none"}).encode()).decode(), "e30", ""]
    by_secret = PyJWS().encode(b"{}", KEYS.public[0]["x"].encode(), "HS256", headers=header)
    other = PyJWS().encode(b"{}", KEYS.private, "EdDSA", headers={"kid": KEYS.kid})
    for text in (".".join(unsigned), by_secret, other):
        with pytest.raises(NotGenuine):
            verify(text, KEYS.public)


def test_another_key_is_not_known() -> None:
    with pytest.raises(NotGenuine, match="No known key"):
        verify(sign(STATEMENT, KEYS), parse(json.dumps({"keys": [new_key()]})).public)


def test_keys_are_made_once_private_and_read_again_when_changed(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    first, second = SigningKeys(settings), SigningKeys(settings)
    assert first.current().kid == second.current().kid
    assert (tmp_path / "answers.jwks").stat().st_mode & 0o077 == 0
    kid = first.rotate()
    assert second.current().kid == kid
    assert len(second.current().public) == 2


def test_keys_once_read_hold_when_their_file_is_gone(tmp_path: Path) -> None:
    keys = SigningKeys(Settings(data_dir=tmp_path))
    kid = keys.current().kid
    (tmp_path / "answers.jwks").write_text("damaged")
    assert keys.current().kid == kid
    (tmp_path / "answers.jwks").unlink()
    assert keys.current().kid == kid


def test_given_keys_sign_and_are_not_changed_here(tmp_path: Path) -> None:
    text = json.dumps({"keys": [new_key(), new_key()]})
    (tmp_path / "given").write_text(text)
    for more in ({"signing_keys": text}, {"signing_keys_file": tmp_path / "given"}):
        keys = SigningKeys(Settings(data_dir=tmp_path / "data", **more))  # type: ignore[arg-type]
        assert keys.current().public == parse(text).public
        with pytest.raises(StartupError, match="not those of the data folder"):
            keys.rotate()
    assert not (tmp_path / "data").exists()


NO_KEYS = "SIGNING_UNAVAILABLE"
PUBLIC = json.dumps({"keys": list(KEYS.public)})
RSA = '{"keys": [{"kty": "RSA", "n": "AQAB", "e": "AQAB"}]}'


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"keys": []}', '{"keys": [1]}', PUBLIC, RSA])
def test_keys_that_are_none_are_told_in_a_sentence(text: str, tmp_path: Path) -> None:
    (tmp_path / "answers.jwks").write_text(text)
    with pytest.raises(StartupError, match="no JSON Web Key set"):
        SigningKeys(Settings(data_dir=tmp_path)).current()
    if text not in (PUBLIC, '{"keys": []}'):
        with pytest.raises(ValueError):  # noqa: PT011
            public_keys(text)


def test_without_keys_no_answer_leaves_that_should_be_signed(tmp_path: Path) -> None:
    (tmp_path / "answers.jwks").write_text("damaged")
    with pytest.raises(StartupError, match="no JSON Web Key set"):
        create_app(Settings(data_dir=tmp_path, store="null", sign=True))
    bare = Settings(data_dir=tmp_path, store="null", models_dir=tmp_path)  # nothing is judged
    client = create_app(bare).test_client()
    for path, code in (
        ("/.well-known/jwks.json", ["code"]),
        ("/nothing", ["code"]),
        ("/1.0/check.json", ["error", "code"]),
    ):
        answer = client.get(path, headers={"Accept": "application/jose"})
        found = answer.get_json()
        for name in code:
            found = found[name]
        assert (answer.status_code, found) == (503, 706 if "check" in path else NO_KEYS), path
    assert client.get("/nothing").status_code == 404
