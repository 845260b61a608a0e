"""The keys that sign answers: a JSON Web Key set whose first key signs.

The others are old ones. Only their public part is kept, so that what they signed can be checked.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from jwt.algorithms import OKPAlgorithm
from jwt.exceptions import PyJWTError
from jwt.utils import base64url_encode

from service.errors import StartupError
from service.runtime.files import replace_file
from service.runtime.secrets import create_once
from service.settings import Settings

NAME = "answers.jwks"
Jwk = dict[str, str]


@dataclass(frozen=True)
class KeySet:
    """`public` is what is published; `private` belongs to its first key."""

    private: Ed25519PrivateKey
    public: tuple[Jwk, ...]

    @property
    def kid(self) -> str:
        """The name of the key that signs: its thumbprint."""
        return self.public[0]["kid"]


class SigningKeys:
    """Those of the settings, or of the data folder, made at their first use.

    A file is read again when it was changed: a new key needs no restart. Safe for threads.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._file = settings.signing_keys_file or settings.data_dir / NAME
        self._read: tuple[object, KeySet] | None = None

    def current(self) -> KeySet:
        """Raises StartupError when there are none, and none can be made."""
        state = self._state()
        if self._read is None or state not in (None, self._read[0]):
            self._read = state, self._fresh()
        return self._read[1]

    def _fresh(self) -> KeySet:
        """What the file holds; where it was damaged meanwhile, what was read before."""
        try:
            return parse(self._text())
        except StartupError:
            if self._read is None:
                raise
            return self._read[1]

    def rotate(self) -> str:
        """Sign by a new key from now on; its name. Raises StartupError."""
        if self._settings.signing_keys or self._settings.signing_keys_file:
            raise StartupError(
                "The signing keys are not those of the data folder.",
                "Change them where FACEGATE_SIGNING_KEYS or FACEGATE_SIGNING_KEYS_FILE has them.",
            )
        fresh = new_key()
        kept = [fresh, *self.current().public]
        try:
            replace_file(self._file, _dumped(kept).encode(), private=True, durable=True)
        except OSError as error:
            raise StartupError(
                f"The file {self._file} cannot be written: {error.strerror}.",
                "Give this user the right to write in the data folder.",
            ) from None
        return fresh["kid"]

    def _text(self) -> str:
        given = self._settings.secret("signing_keys")
        if given is None and not self._file.exists():
            create_once(self._file, _dumped([new_key()]))
        return given or _text_of(self._file)

    def _state(self) -> object:
        """Changes when the file does; None where it cannot be told: what was read holds."""
        try:
            found = self._file.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size


def parse(text: str) -> KeySet:
    """A JSON Web Key set. Raises StartupError."""
    try:
        keys = orjson.loads(text)["keys"]
        private = OKPAlgorithm.from_jwk(keys[0])
        public = tuple(_published(OKPAlgorithm.from_jwk(_bare(one))) for one in keys)
    except (PyJWTError, ValueError, TypeError, LookupError, AttributeError):
        raise _unusable() from None
    if not isinstance(private, Ed25519PrivateKey):
        raise _unusable()
    return KeySet(private, public)


def public_keys(text: str) -> list[Jwk]:
    """The keys of a published set. Raises ValueError."""
    try:
        keys = orjson.loads(text)["keys"]
        return [_published(OKPAlgorithm.from_jwk(_bare(one))) for one in keys]
    except (PyJWTError, TypeError, LookupError, AttributeError) as error:
        raise ValueError from error


def new_key() -> Jwk:
    """A private key with its name."""
    private = Ed25519PrivateKey.generate()
    return dict(_as_jwk(private)) | _published(private.public_key())


def _published(key: Any) -> Jwk:
    if not isinstance(key, Ed25519PublicKey):
        raise TypeError
    bare = _bare(_as_jwk(key))
    return bare | {"kid": _thumbprint(bare), "use": "sig", "alg": "EdDSA"}


def _as_jwk(key: Ed25519PrivateKey | Ed25519PublicKey) -> dict[str, Any]:
    return dict(OKPAlgorithm.to_jwk(key, as_dict=True))


def _bare(key: dict[str, Any]) -> Jwk:
    """The public part alone."""
    return {name: key[name] for name in ("crv", "kty", "x")}


def _thumbprint(bare: Jwk) -> str:
    """As RFC 7638 has it."""
    text = orjson.dumps(bare, option=orjson.OPT_SORT_KEYS)
    return base64url_encode(hashlib.sha256(text).digest()).decode()


def _dumped(keys: list[Jwk]) -> str:
    return orjson.dumps({"keys": keys}, option=orjson.OPT_INDENT_2).decode()


def _text_of(file: Path) -> str:
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError):
        raise _unusable() from None


def _unusable() -> StartupError:
    return StartupError(
        "The signing keys are no JSON Web Key set whose first key is a private one of Ed25519.",
        f"Correct FACEGATE_SIGNING_KEYS, or restore {NAME} of the data folder.",
    )
