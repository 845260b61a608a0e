"""What is signed: a statement about one answer, as canonical JSON (RFC 8785) in a JWS (RFC 7515).

Detached, the statement stands beside the signature and names the hash of the body; attached, it
holds the answer itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson
import rfc8785
from jwt import PyJWK, PyJWS
from jwt.exceptions import PyJWTError

from service.signing.keys import Jwk, KeySet

Statement = dict[str, Any]
TYPE = "facegate-answer+jws"


class NotGenuine(Exception):
    """Why a signed answer is not what it says; one sentence."""


def sign(statement: Statement, keys: KeySet) -> str:
    """A compact JWS that holds the statement."""
    header = {"kid": keys.kid, "typ": TYPE}
    payload = rfc8785.dumps(statement)
    return PyJWS().encode(payload, keys.private, algorithm="EdDSA", headers=header)


def detach(signed: str) -> tuple[str, str]:
    """The JWS without its payload (RFC 7515, appendix F), and the payload, base64url."""
    header, payload, signature = signed.split(".")
    return f"{header}..{signature}", payload


def attach(detached: str, payload: str) -> str:
    """The compact JWS of both parts. Raises NotGenuine."""
    header, middle, signature = [*detached.split("."), "", ""][:3]
    if middle or not signature:
        raise NotGenuine("The signature is no detached JWS.")
    return f"{header}.{payload}.{signature}"


def verify(signed: str, keys: Iterable[Jwk]) -> Statement:
    """The statement of a compact JWS, if one of these keys signed it. Raises NotGenuine."""
    known = {key["kid"]: key for key in keys}
    try:
        kid = PyJWS().get_unverified_header(signed).get("kid")
        if kid not in known:
            raise NotGenuine("No known key signed this answer.")
        key = PyJWK.from_dict(known[kid], algorithm="EdDSA")
        found = PyJWS().decode_complete(signed, key, algorithms=["EdDSA"])
        return _statement(found["header"], found["payload"])
    except (PyJWTError, ValueError, UnicodeError):
        raise NotGenuine("The signature does not hold: something was changed.") from None


def canonical(statement: Statement) -> str:
    """For people and files."""
    return rfc8785.dumps(statement).decode()


def _statement(header: dict[str, Any], payload: bytes) -> Statement:
    found = orjson.loads(payload)
    if header.get("typ") != TYPE or not isinstance(found, dict):
        raise NotGenuine("This is signed, but it is no answer of Facegate.")
    return found
