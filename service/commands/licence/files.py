"""`facegate licence import|export|verify|keygen`: licences that travel as signed files."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import asdict
from pathlib import Path

from service.audit.acts import note_act
from service.commands.licence.command import SHOWN, open_desk, state
from service.errors import LicenceError, StartupError
from service.licensing.build import vendors_key
from service.licensing.digest import new_hash_id, public_digest
from service.licensing.signed import (
    SignedLicence,
    load_private_key,
    load_public_key,
    new_key_pair,
    new_licence_id,
    read_licence_file,
    sign,
)
from service.licensing.terms import Terms
from service.runtime.console import moment, note, print_table
from service.settings import load_settings


def import_file(file: Path) -> None:
    """Verify, then keep in the store."""
    signed = _read(file)
    with open_desk(made=False) as desk:
        licence = desk.register.import_signed(signed, file.read_text())
    note_act(load_settings(), "licence imported", licence=licence.digest)
    print(f"Imported: {licence.name} ({licence.digest[:SHOWN]}), {state(licence, time.time())}.")


def export(output: Path, private_key: Path, terms: Terms | None, hash_id: str | None) -> None:
    """Sign and write; `terms` None stands for those in the store."""
    key = load_private_key(private_key)
    if hash_id == "-":
        hash_id = sys.stdin.readline().strip()
    if terms is None:
        terms = _stored_terms(hash_id)
    holder = new_hash_id() if hash_id is None else hash_id
    signed = _signed(terms, holder)
    _write(output, sign(signed, key), mode=0o644)
    if hash_id is None:
        print(f"hash_id: {holder}")
    note(f"Signed: {signed.id}.")


def verify_file(file: Path) -> int:
    """Print the terms; 0 when the licence would be honoured now, else 1."""
    vendor = load_public_key(vendors_key(load_settings().vendor_public_key))
    try:
        file.open("rb").close()
    except OSError as error:
        raise StartupError(
            f"The licence file {file} cannot be read: {error.strerror}.", "Name a file that can be."
        ) from None
    try:
        signed = read_licence_file(file, vendor)
    except StartupError as error:
        note(error.sentence)
        return 1
    now_state = state(signed.record(b""), time.time())
    print_table(("field", "value"), _fields(signed, now_state))
    return 0 if now_state == "valid" else 1


def keygen(stem: Path) -> None:
    """Write STEM.key (mode 600) and STEM.pub; never over existing ones."""
    private, public = new_key_pair()
    key, pub = stem.with_name(f"{stem.name}.key"), stem.with_name(f"{stem.name}.pub")
    _write(key, private, mode=0o600)
    _write(pub, public, mode=0o644)
    print(f"Written: {key} and {pub}.")
    note(f"Whoever has {key.name} can make licences: keep it away from customers.")


def _read(file: Path) -> SignedLicence:
    return read_licence_file(file, load_public_key(vendors_key(load_settings().vendor_public_key)))


def _stored_terms(hash_id: str | None) -> Terms:
    if hash_id is None:
        raise StartupError("Nothing says whom the licence is for.", "Give a name or --hash-id.")
    with open_desk() as desk:
        licence = desk.register.by_hash_id(hash_id)
    if licence is None:
        raise StartupError("The store does not know this hash_id.", "State a name and the terms.")
    end = licence.expires_at
    return Terms(
        name=licence.name,
        expires_at=None if end is None else int(end),
        per_day=licence.per_day,
        per_month=licence.per_month,
        features=licence.features,
    )


def _signed(terms: Terms, hash_id: str) -> SignedLicence:
    try:
        public = public_digest(hash_id)
    except LicenceError:
        raise StartupError(
            "This cannot be a hash_id.", "Leave --hash-id out for a new one."
        ) from None
    return SignedLicence(
        id=new_licence_id(), public_digest=public, issued_at=int(time.time()), **asdict(terms)
    )


def _write(path: Path, content: bytes, mode: int) -> None:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except OSError as error:
        raise StartupError(
            f"{path} cannot be written: {error.strerror}.",
            "Name a place that is free and writable.",
        ) from None
    with os.fdopen(handle, "wb") as file:
        file.write(content)


def _fields(signed: SignedLicence, now_state: str) -> list[tuple[str, object]]:
    return [
        ("state", now_state),
        ("id", signed.id),
        ("name", signed.name),
        ("issued", moment(signed.issued_at)),
        ("ends", moment(signed.expires_at) or "never"),
        ("per day", signed.per_day or "no limit"),
        ("per month", signed.per_month or "no limit"),
        ("features", " ".join(signed.features)),
    ]
