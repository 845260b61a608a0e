"""Signed licence files: what was signed verifies, and nothing else."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from service.errors import StartupError
from service.licensing.digest import keyed_digest, public_digest
from service.licensing.signed import (
    CONTEXT,
    LARGEST,
    BadLicenceFile,
    SignedLicence,
    key_id,
    load_private_key,
    load_public_key,
    new_key_pair,
    new_licence_id,
    read_licence_file,
    sign,
    verify,
)
from service.store.base import FEATURES

KEY = Ed25519PrivateKey.generate()
VENDOR = KEY.public_key()

names = st.from_regex(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,100}", fullmatch=True)
licences = st.builds(
    SignedLicence,
    id=st.builds(new_licence_id),
    public_digest=st.text().map(lambda text: public_digest("x" + text.replace("\0", "")[:99])),
    name=names,
    issued_at=st.integers(0, 2**40 - 1),
    expires_at=st.none() | st.integers(0, 2**40 - 1),
    per_day=st.none() | st.integers(1),
    per_month=st.none() | st.integers(1),
    features=st.lists(st.sampled_from(FEATURES), min_size=1, unique=True).map(tuple),
)


def a_licence(**changes: Any) -> SignedLicence:
    fields = {"id": new_licence_id(), "public_digest": "a" * 64, "name": "Bank", "issued_at": 1}
    return SignedLicence(**fields | changes)


@given(licences)
def test_what_was_signed_verifies(licence: SignedLicence) -> None:
    assert verify(sign(licence, KEY), VENDOR) == licence


@given(licences, st.data())
def test_a_flipped_byte_never_verifies(licence: SignedLicence, data: st.DataObject) -> None:
    content = bytearray(sign(licence, KEY))
    at = data.draw(st.integers(0, len(content) - 2))  # the last byte is a line feed
    content[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(BadLicenceFile):
        verify(bytes(content), VENDOR)


@given(licences, st.data())
def test_a_truncated_file_never_verifies(licence: SignedLicence, data: st.DataObject) -> None:
    content = sign(licence, KEY)
    with pytest.raises(BadLicenceFile):
        verify(content[: data.draw(st.integers(0, len(content) - 2))], VENDOR)


@given(st.binary(max_size=300))
def test_junk_is_refused(junk: bytes) -> None:
    with pytest.raises(BadLicenceFile):
        verify(junk, VENDOR)


@given(st.recursive(st.none() | st.integers() | st.text(), lambda x: st.dictionaries(st.text(), x)))
def test_other_json_is_refused(value: Any) -> None:
    envelope = json.loads(sign(a_licence(), KEY))
    for odd in (value, envelope | {"licence": value}, envelope | {"signature": value}):
        with pytest.raises(BadLicenceFile):
            verify(json.dumps(odd).encode(), VENDOR)


def test_an_indented_file_still_verifies() -> None:
    licence = a_licence(name="Bänk of Examples")
    indented = json.dumps(json.loads(sign(licence, KEY)), indent=2).replace("\n", "\r\n")
    assert verify(indented.encode(), VENDOR) == licence


def test_another_vendors_licence_is_refused() -> None:
    with pytest.raises(BadLicenceFile, match="another key"):
        verify(sign(a_licence(), Ed25519PrivateKey.generate()), VENDOR)


def test_a_forged_key_id_does_not_help() -> None:
    envelope = json.loads(sign(a_licence(), Ed25519PrivateKey.generate()))
    envelope["key_id"] = key_id(VENDOR)
    with pytest.raises(BadLicenceFile, match="signature does not match"):
        verify(json.dumps(envelope).encode(), VENDOR)


@pytest.mark.parametrize(
    "change", [{"per_day": 10**9}, {"expires_at": None}, {"name": "Other"}, {"more": 1}]
)
def test_changed_terms_are_refused(change: dict[str, Any]) -> None:
    envelope = json.loads(sign(a_licence(per_day=5, expires_at=9), KEY))
    envelope["licence"] |= change
    with pytest.raises(BadLicenceFile, match="signature does not match"):
        verify(json.dumps(envelope).encode(), VENDOR)


def test_another_spelling_of_the_signature_is_refused() -> None:
    """The last letter of 64 bytes in base64 has four bits that mean nothing."""
    envelope = json.loads(sign(a_licence(), KEY))
    signature = envelope["signature"]
    envelope["signature"] = signature[:-3] + chr(ord(signature[-3]) + 1) + "=="
    assert base64.b64decode(envelope["signature"]) == base64.b64decode(signature)
    with pytest.raises(BadLicenceFile, match="not a licence file"):
        verify(json.dumps(envelope).encode(), VENDOR)


def test_a_field_of_a_later_version_is_not_ignored() -> None:
    """It might be a restriction."""
    envelope = json.loads(sign(a_licence(), KEY))
    envelope["licence"]["only_in"] = "Berlin"
    body = json.dumps(envelope["licence"], sort_keys=True, separators=(",", ":")).encode()
    envelope["signature"] = base64.b64encode(KEY.sign(CONTEXT + body)).decode()
    with pytest.raises(BadLicenceFile, match="does not know"):
        verify(json.dumps(envelope).encode(), VENDOR)


def test_a_file_without_end_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(sign(a_licence(), KEY) + b" " * LARGEST)
    with pytest.raises(StartupError, match="too large"):
        read_licence_file(tmp_path / "big", VENDOR)


def test_a_record_holds_the_keyed_digest_only() -> None:
    record = a_licence(per_day=7).record(b"installation")
    assert record.digest == keyed_digest(b"installation", "a" * 64)
    assert record.source == "file"
    assert record.per_day == 7
    assert "a" * 64 not in repr(record)


@pytest.mark.parametrize("name", ["", "x" * 101, "two\nlines", "\x1b[31mred", "bell\x07"])
def test_names_that_would_spoil_a_terminal_are_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        a_licence(name=name)


def test_a_key_pair_survives_the_disk(tmp_path: Path) -> None:
    private, public = new_key_pair()
    (tmp_path / "key").write_bytes(private)
    (tmp_path / "pub").write_bytes(public)
    vendor = load_public_key(tmp_path / "pub")
    assert verify(sign(a_licence(), load_private_key(tmp_path / "key")), vendor)


def test_a_missing_vendor_key_is_one_clear_sentence(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match=r"vendor's public key .* is missing\.") as caught:
        load_public_key(tmp_path / "vendor.pub")
    assert "FACEGATE_VENDOR_PUBLIC_KEY" in caught.value.remedy


def test_no_vendor_key_is_shipped() -> None:
    from service.settings import PACKAGE

    assert not list(PACKAGE.rglob("*.pub"))
    assert not list(PACKAGE.rglob("*.key"))


@pytest.mark.parametrize("content", [b"", b"junk", b"\xff\xfe"], ids=repr)
def test_an_unreadable_key_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "pem").write_bytes(content)
    for load in (load_public_key, load_private_key):
        with pytest.raises(StartupError, match="not a readable Ed25519 key"):
            load(tmp_path / "pem")


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    other = generate_private_key(SECP256R1()).public_key()
    pem = other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "pem").write_bytes(pem)
    with pytest.raises(StartupError, match="not a readable Ed25519 key"):
        load_public_key(tmp_path / "pem")
