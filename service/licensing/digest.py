"""A `hash_id` and its two digests.

hash_id         the secret key of a customer; shown once, kept nowhere
public digest   SHA-256 of it; goes into signed licence files (a hash_id of ours has 256 bits of
                entropy, so nobody finds it from its digest)
keyed digest    HMAC of the public digest with this installation's key; the only one that is stored
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

from service.errors import LicenceError, StartupError
from service.runtime.secrets import create_once
from service.settings import Settings

PREFIX = "fg_"  # lets secret scanners recognise a leaked hash_id
BYTE_ORDER_MARK = "\ufeff"  # what some editors begin a file with
LONGEST = 512  # characters
SHORTEST_KEY = 16  # bytes


def new_hash_id() -> str:
    """A fresh secret key with 256 bits of entropy, safe in URLs and shells."""
    return PREFIX + secrets.token_urlsafe(32)


def public_digest(hash_id: str) -> str:
    """SHA-256 of a hash_id, 64 hex digits. White space around it is none of it: a file ends so.

    Raises LicenceError for what cannot be a hash_id: empty, too long, with NUL, or not UTF-8.
    """
    hash_id = hash_id.strip().strip(BYTE_ORDER_MARK).strip()
    if not 0 < len(hash_id) <= LONGEST or "\0" in hash_id:
        raise LicenceError
    try:
        return hashlib.sha256(hash_id.encode()).hexdigest()
    except UnicodeEncodeError:  # a lone surrogate, as JSON can carry it
        raise LicenceError from None


def keyed_digest(key: bytes, public: str) -> str:
    """HMAC-SHA256 of a public digest, 64 hex digits."""
    return hmac.digest(key, public.encode(), "sha256").hex()


def digest_key(settings: Settings) -> bytes:
    """This installation's key: from the settings, or made once in the data folder.

    Raises StartupError when it cannot be read or is too short.
    """
    key = settings.secret("digest_key") or create_once(
        settings.data_dir / "digest.key", secrets.token_urlsafe(32)
    )
    if len(key.encode()) < SHORTEST_KEY:
        raise StartupError(
            f"The digest key is shorter than {SHORTEST_KEY} bytes.",
            "Set FACEGATE_DIGEST_KEY to a long random value; licences hang on it, so keep it.",
        )
    return key.encode()
