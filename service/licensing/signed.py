"""Licence files for use without a network: signed by the vendor, verified by his public key.

A file is one line of JSON, `{"key_id": ..., "licence": {...}, "signature": base64}`. The Ed25519
signature covers the licence in canonical form (sorted keys, no blanks, UTF-8), so that a file which
was indented on its way still verifies, and one with any other change does not.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import secrets
from pathlib import Path
from typing import Annotated, Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from service.errors import StartupError
from service.licensing.digest import keyed_digest
from service.licensing.terms import CONFIG, Moment, Terms
from service.store.base import LicenceRecord

CONTEXT = b"facegate-licence-v1\n"  # a signature made for something else is worth nothing here
LARGEST = 65536  # bytes


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class SignedLicence(Terms):
    """What the vendor signs; times in whole seconds since the epoch (UTC)."""

    id: Annotated[str, Field(pattern=r"^lic_[0-9a-f]{32}$")]
    public_digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    issued_at: Moment

    def record(self, key: bytes) -> LicenceRecord:
        """The licence as an installation with this digest key keeps it."""
        return LicenceRecord(
            digest=keyed_digest(key, self.public_digest),
            name=self.name,
            issued_at=self.issued_at,
            expires_at=self.expires_at,
            per_day=self.per_day,
            per_month=self.per_month,
            features=self.features,
            source="file",
        )


SIGNED = TypeAdapter(SignedLicence)


class BadLicenceFile(ValueError):
    """Why a licence file is not honoured, as a clause: "it is not signed by ..."."""


def new_licence_id() -> str:
    """An id by which vendor and customer can speak of a licence; no secret."""
    return f"lic_{secrets.token_hex(16)}"


def sign(licence: SignedLicence, private_key: Ed25519PrivateKey) -> bytes:
    """The content of a licence file."""
    payload = SIGNED.dump_python(licence, mode="json")
    envelope = {
        "key_id": key_id(private_key.public_key()),
        "licence": payload,
        "signature": base64.b64encode(private_key.sign(_signed_bytes(payload))).decode(),
    }
    return _canonical(envelope) + b"\n"


def verify(content: bytes, public_key: Ed25519PublicKey) -> SignedLicence:
    """The licence in a file. Raises BadLicenceFile unless all of it is as it was signed."""
    payload, signature, signer = _open(content)
    if signer != key_id(public_key):
        raise BadLicenceFile("it was signed with another key than the vendor's")
    try:
        public_key.verify(signature, _signed_bytes(payload))
        return SIGNED.validate_json(_canonical(payload))
    except InvalidSignature:
        raise BadLicenceFile("its signature does not match its content") from None
    except ValidationError:
        raise BadLicenceFile("it has fields that this version does not know") from None


def key_id(public_key: Ed25519PublicKey) -> str:
    """The first 16 hex digits of the SHA-256 of the raw public key."""
    return hashlib.sha256(public_key.public_bytes_raw()).hexdigest()[:16]


def load_public_key(path: Path) -> Ed25519PublicKey:
    """The vendor's public key (PEM). Raises StartupError."""
    try:
        key = serialization.load_pem_public_key(path.read_bytes())
    except FileNotFoundError:
        raise StartupError(
            f"The vendor's public key {path} is missing.",
            "Put the vendor's PEM file there, or set FACEGATE_VENDOR_PUBLIC_KEY.",
        ) from None
    except (OSError, ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise StartupError(
            f"The vendor's public key {path} is not a readable Ed25519 key.",
            "Set FACEGATE_VENDOR_PUBLIC_KEY to the vendor's PEM file.",
        )
    return key


def load_private_key(path: Path) -> Ed25519PrivateKey:
    """The vendor's private key (PEM, not encrypted). Raises StartupError."""
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise StartupError(
            f"The private key {path} is not a readable Ed25519 key.",
            "Name a PEM file; `facegate licence keygen` makes one.",
        )
    return key


def new_key_pair() -> tuple[bytes, bytes]:
    """A fresh private and public key, both PEM."""
    private = Ed25519PrivateKey.generate()
    return (
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
        private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ),
    )


def read_licence_file(path: Path, public_key: Ed25519PublicKey) -> SignedLicence:
    """A verified licence from disk. Raises StartupError with the reason."""
    try:
        with path.open("rb") as file:
            return verify(file.read(LARGEST + 1), public_key)
    except OSError as error:
        reason = f"it cannot be read ({error.strerror})"
    except BadLicenceFile as error:
        reason = str(error)
    raise StartupError(
        f"The licence file {path} is not honoured: {reason}.",
        "Ask the vendor for the file again, or take it out of FACEGATE_LICENCE_FILES.",
    )


def _open(content: bytes) -> tuple[Any, bytes, object]:
    if len(content) > LARGEST:
        raise BadLicenceFile("it is too large")
    try:
        envelope = json.loads(content.decode())
        if envelope.keys() != {"key_id", "licence", "signature"}:
            raise ValueError
        signature = base64.b64decode(envelope["signature"], validate=True)
        # Base64 has spellings of the same bytes; one is enough.
        if base64.b64encode(signature).decode() != envelope["signature"]:
            raise ValueError
    except (ValueError, TypeError, AttributeError, RecursionError, binascii.Error):
        raise BadLicenceFile("it is not a licence file") from None
    return envelope["licence"], signature, envelope["key_id"]


def _signed_bytes(payload: Any) -> bytes:
    return CONTEXT + _canonical(payload)


def _canonical(value: Any) -> bytes:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "surrogatepass")
