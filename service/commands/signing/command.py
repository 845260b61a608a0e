"""`facegate verify-answer` and `facegate signing-keys rotate|show`."""

from __future__ import annotations

import hashlib
from pathlib import Path

from service.audit.acts import note_act
from service.errors import StartupError
from service.runtime.console import note, print_json
from service.settings import load_settings
from service.signing import SigningKeys
from service.signing.keys import NAME, Jwk, public_keys
from service.signing.statement import NotGenuine, Statement, attach, verify

INTERIM = b"HTTP/1.1 1"  # `100 Continue`, as curl writes it down, too


def verify_answer(file: Path, keys: Path | None, medium: Path | None) -> int:
    """Print the statement; 1 when it does not hold."""
    data = _read(file)
    try:
        statement = _verified(data, _keys(keys))
        if medium is not None:
            _check_medium(statement, _read(medium))
    except NotGenuine as error:
        note(str(error))
        return 1
    print_json(statement)
    return 0


def rotate() -> None:
    """Make a new key, and say so."""
    settings = load_settings()
    kid = SigningKeys(settings).rotate()
    note_act(settings, "signing key changed", key=kid)
    print(f"Answers are signed by the key {kid} from now on.")


def show() -> None:
    """The published set."""
    print_json({"keys": list(SigningKeys(load_settings()).current().public)})


def _verified(data: bytes, keys: list[Jwk]) -> Statement:
    if data.startswith(b"HTTP/"):
        return _with_headers(data, keys)
    return verify(data.decode(errors="replace").strip(), keys)


def _with_headers(data: bytes, keys: list[Jwk]) -> Statement:
    """A whole response: its signature is in its headers, or is its body."""
    while data.startswith(INTERIM):
        data = data.partition(b"\r\n\r\n")[2]
    head, _, body = data.partition(b"\r\n\r\n")
    lines = (line.partition(":") for line in head.decode(errors="replace").splitlines())
    headers = {name.strip().lower(): value.strip() for name, _, value in lines}
    if headers.get("content-type", "").startswith("application/jose"):
        return verify(body.decode(errors="replace").strip(), keys)
    if "facegate-signature" not in headers:
        raise NotGenuine("This answer is not signed.")
    signed = attach(headers["facegate-signature"], headers.get("facegate-statement", ""))
    statement = verify(signed, keys)
    if statement.get("body_sha256") != hashlib.sha256(body).hexdigest():
        raise NotGenuine("The body is not the one that was signed.")
    return statement


def _check_medium(statement: Statement, medium: bytes) -> None:
    digest = hashlib.sha256(medium).hexdigest()
    if all(one.get("sha256") != digest for one in statement.get("judgements", [])):
        raise NotGenuine("The answer is about another medium.")


def _keys(file: Path | None) -> list[Jwk]:
    """To verify makes no keys."""
    if file is not None:
        return _published(file)
    settings = load_settings()
    given = settings.signing_keys or settings.signing_keys_file
    if not given and not (settings.data_dir / NAME).exists():
        raise StartupError(
            "This service has no signing keys.", "Name a copy of its jwks.json with --keys."
        )
    return list(SigningKeys(settings).current().public)


def _published(file: Path) -> list[Jwk]:
    try:
        return public_keys(_read(file).decode())
    except ValueError:
        raise StartupError(
            f"The file {file} is no JSON Web Key set of Ed25519 keys.",
            "Give what the service has at /.well-known/jwks.json.",
        ) from None


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise StartupError(
            f"The file {file} cannot be read: {error.strerror}.", "Name another one."
        ) from None
