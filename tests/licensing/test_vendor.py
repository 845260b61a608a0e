"""A build for a vendor who sells by licences: his signature counts, and nothing else."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from service.errors import LicenceError, LicenceRevoked, StartupError
from service.licensing import Licensing, build, check_licences, development_licence
from service.licensing.digest import digest_key, new_hash_id, public_digest
from service.licensing.register import Register
from service.licensing.signed import SignedLicence, load_private_key, new_key_pair, sign, verify
from service.licensing.signed import load_public_key as read_key
from service.settings import Settings
from tests.licensing.conftest import Clock, Switch


@pytest.fixture
def vendor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The vendor's private key; the build has his public one."""
    private, public = new_key_pair()
    (tmp_path / "vendor.key").write_bytes(private)
    (tmp_path / "vendor.pub").write_bytes(public)
    (tmp_path / "vendor-only").touch()
    monkeypatch.setattr(build, "MARKER", tmp_path / "vendor-only")
    monkeypatch.setattr(build, "KEY", tmp_path / "vendor.pub")
    return tmp_path / "vendor.key"


def signed_by(key: Path, hash_id: str, **changes: object) -> bytes:
    terms = {"name": "Bank", "per_day": 5, "issued_at": int(time.time())} | changes
    licence = SignedLicence(
        id=f"lic_{0:032x}",
        public_digest=public_digest(hash_id),
        **terms,  # type: ignore[arg-type]
    )
    return sign(licence, load_private_key(key))


def imported(register: Register, key: Path, content: bytes) -> object:
    return register.import_signed(
        verify(content, read_key(key.with_suffix(".pub"))), content.decode()
    )


def test_own_licences_are_neither_made_nor_honoured(
    settings: Settings, store: Switch, clock: Clock, vendor: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    licensing = Licensing(settings, store, clock)  # type: ignore[arg-type]
    with pytest.raises(StartupError, match="vendor has signed"):
        licensing.issue("Own")
    with pytest.raises(StartupError, match="vendor has signed"):
        development_licence(settings, store)  # type: ignore[arg-type]
    monkeypatch.setattr(build, "MARKER", vendor / "nowhere")  # made with another build
    hash_id, _ = licensing.issue("Own")
    monkeypatch.setattr(build, "MARKER", vendor.with_name("vendor-only"))
    with pytest.raises(LicenceError):
        Licensing(settings, store, clock).authorise(hash_id)  # type: ignore[arg-type]


def test_a_signed_licence_is_honoured_and_what_was_changed_in_the_store_is_not(
    settings: Settings, store: Switch, clock: Clock, vendor: Path
) -> None:
    register = Register(store, digest_key(settings), clock)  # type: ignore[arg-type]
    hash_id = new_hash_id()
    imported(register, vendor, signed_by(vendor, hash_id))
    fresh = lambda: Licensing(settings, store, clock)  # type: ignore[arg-type]  # noqa: E731
    assert fresh().authorise(hash_id).licence.per_day == 5
    (kept,) = store.store.list_licences()
    for forged in (
        replace(kept, per_day=None),
        replace(kept, per_day=500),
        replace(kept, expires_at=clock.now + 1e9),
        replace(kept, features=("detect",)),
        replace(kept, signed=None),
        replace(kept, digest=register.digest("another")),
    ):
        store.store.put_licence(forged)
        who = "another" if forged.digest != kept.digest else hash_id
        with pytest.raises(LicenceError):
            fresh().authorise(who)
    store.store.put_licence(kept)
    register.revoke(kept)
    with pytest.raises(LicenceRevoked):
        fresh().authorise(hash_id)


def test_the_setting_of_another_key_does_not_count(
    tmp_path: Path, settings: Settings, vendor: Path
) -> None:
    private, public = new_key_pair()
    (tmp_path / "own.key").write_bytes(private)
    (tmp_path / "own.pub").write_bytes(public)
    (tmp_path / "own.licence").write_bytes(signed_by(tmp_path / "own.key", new_hash_id()))
    changed = settings.model_copy(
        update={
            "vendor_public_key": tmp_path / "own.pub",
            "licence_files": (tmp_path / "own.licence",),
        }
    )
    with pytest.raises(StartupError, match="another key than the vendor's"):
        check_licences(changed)
