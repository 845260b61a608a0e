"""Licence files that the settings name: honoured without a store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from service.errors import LicenceExpired, LicenceRevoked, QuotaExceeded, StartupError
from service.licensing import Licensing, check_licences
from service.licensing.digest import digest_key, public_digest
from service.licensing.register import Register
from service.licensing.signed import (
    SignedLicence,
    load_private_key,
    new_key_pair,
    new_licence_id,
    sign,
)
from service.settings import Settings
from service.store.null.store import NullStore
from tests.licensing.conftest import NOON, Clock, Switch

HASH_ID = "fg_air-gapped"
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Signs a licence for HASH_ID; the vendor's public key is already in its place."""
    private, public = new_key_pair()
    (tmp_path / "vendor.key").write_bytes(private)
    (tmp_path / "vendor.pub").write_bytes(public)

    def write(**changes: Any) -> Path:
        fields: dict[str, Any] = {"id": new_licence_id(), "name": "Bank", "issued_at": int(NOON)}
        licence = SignedLicence(public_digest=public_digest(HASH_ID), **fields | changes)
        path = tmp_path / f"{licence.id}.licence"
        path.write_bytes(sign(licence, load_private_key(tmp_path / "vendor.key")))
        return path

    return write


def using(settings: Settings, *files: Path) -> Settings:
    vendor = settings.data_dir / "vendor.pub"
    return settings.model_copy(update={"licence_files": files, "vendor_public_key": vendor})


def test_a_file_needs_no_store(
    settings: Settings, store: Switch, clock: Clock, write: Write
) -> None:
    store.away = True
    licensing = Licensing(using(settings, write()), store, clock)  # type: ignore[arg-type]
    grant = licensing.authorise(HASH_ID)
    assert (grant.licence.source, grant.by_grace) == ("file", False)


def test_its_end_holds(settings: Settings, clock: Clock, write: Write) -> None:
    file = write(expires_at=int(NOON) + 60)
    licensing = Licensing(using(settings, file), NullStore(), clock)
    licensing.authorise(HASH_ID)
    clock.turn(60)
    with pytest.raises(LicenceExpired):
        licensing.authorise(HASH_ID)


def test_its_quota_holds(settings: Settings, store: Switch, clock: Clock, write: Write) -> None:
    settings = using(settings, write(per_day=1))
    licensing = Licensing(settings, store, clock)  # type: ignore[arg-type]
    licensing.authorise(HASH_ID)
    with pytest.raises(QuotaExceeded):
        licensing.authorise(HASH_ID)


def test_the_store_can_revoke_it(
    settings: Settings, store: Switch, clock: Clock, write: Write
) -> None:
    settings = using(settings, write())
    licensing = Licensing(settings, store, clock)  # type: ignore[arg-type]
    licensing.authorise(HASH_ID)
    register = Register(store, digest_key(settings))  # type: ignore[arg-type]
    fields: dict[str, Any] = {"id": new_licence_id(), "name": "Bank", "issued_at": 1}
    kept = SignedLicence(public_digest=public_digest(HASH_ID), **fields)
    register.revoke(register.import_signed(kept))
    clock.turn(5)
    with pytest.raises(LicenceRevoked):
        licensing.authorise(HASH_ID)
    assert licensing.status().days_left == {}
    store.away = True
    clock.turn(5)
    with pytest.raises(LicenceRevoked):
        licensing.authorise(HASH_ID)


def test_the_file_issued_last_counts(settings: Settings, clock: Clock, write: Write) -> None:
    old, new = write(name="Old"), write(name="New", issued_at=int(NOON) + 1)
    for files in ((old, new), (new, old)):
        licensing = Licensing(using(settings, *files), NullStore(), clock)
        assert licensing.authorise(HASH_ID).licence.name == "New"


def test_health_knows_it(settings: Settings, clock: Clock, write: Write) -> None:
    file = write(expires_at=int(NOON) + 86400)
    licensing = Licensing(using(settings, file), NullStore(), clock)
    assert licensing.status().days_left == {"Bank": 1}


def test_a_tampered_file_refuses_the_start(settings: Settings, write: Write) -> None:
    file = write(per_day=1)
    file.write_bytes(file.read_bytes().replace(b'"per_day":1', b'"per_day":9'))
    with pytest.raises(StartupError, match="signature does not match"):
        Licensing(using(settings, file), NullStore())


def test_a_missing_file_refuses_the_start(settings: Settings, write: Write) -> None:
    write()
    missing = settings.data_dir / "missing"
    with pytest.raises(StartupError, match="No such file"):
        Licensing(using(settings, missing), NullStore())
    with pytest.raises(StartupError, match="No such file"):
        check_licences(using(settings, missing))


def test_a_missing_vendor_key_matters_only_with_files(settings: Settings, write: Write) -> None:
    file = write()
    (settings.data_dir / "vendor.pub").unlink()
    Licensing(using(settings), NullStore())
    with pytest.raises(StartupError, match=r"vendor's public key .* is missing"):
        Licensing(using(settings, file), NullStore())
