"""The key of the audit log: it signs checkpoints, and proves who wrote an entry."""

from __future__ import annotations

import base64
import binascii
import hmac
from dataclasses import dataclass
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from service.errors import StartupError
from service.runtime.secrets import create_once
from service.settings import Settings

NAME = "audit.key"


@dataclass(frozen=True)
class AuditKey:
    """`public` is base64; `mac` is a second key, made of the private one."""

    private: Ed25519PrivateKey
    public: str
    mac: bytes

    @classmethod
    def of(cls, text: str) -> Self:
        """From the base64 of a private key's 32 bytes. Raises StartupError."""
        try:
            raw = base64.b64decode(text, validate=True)
            private = Ed25519PrivateKey.from_private_bytes(raw)
        except (binascii.Error, ValueError):
            raise StartupError(
                "The audit key is not the base64 of 32 bytes.",
                "Correct FACEGATE_AUDIT_KEY, or restore audit.key of the data folder.",
            ) from None
        public = base64.b64encode(private.public_key().public_bytes_raw()).decode()
        return cls(private, public, hmac.digest(raw, b"entries of the audit log", "sha256"))

    def seal(self, text: str) -> str:
        """What only the holder of this key can make of a text."""
        return hmac.digest(self.mac, text.encode(), "sha256").hex()

    def sign(self, text: str) -> str:
        """A signature that anybody can check, base64."""
        return base64.b64encode(self.private.sign(text.encode())).decode()


def audit_key(settings: Settings) -> AuditKey:
    """From the settings, or made once in the data folder. Raises StartupError."""
    given = settings.secret("audit_key")
    return AuditKey.of(given or create_once(settings.data_dir / NAME, _new()))


def signed(public: str, text: str, signature: str) -> bool:
    """Whether the holder of a public key signed a text."""
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public, validate=True))
        key.verify(base64.b64decode(signature, validate=True), text.encode())
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def _new() -> str:
    return base64.b64encode(Ed25519PrivateKey.generate().private_bytes_raw()).decode()
