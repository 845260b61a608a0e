"""The licence files that the settings name."""

from __future__ import annotations

from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from service.licensing import build
from service.licensing.digest import digest_key
from service.licensing.signed import BadLicenceFile, load_public_key, read_licence_file, verify
from service.settings import Settings
from service.store.base import LicenceRecord


def load_licence_files(settings: Settings, key: bytes) -> list[LicenceRecord]:
    """Verified licences; of several for one hash_id, the one issued last.

    Raises StartupError when one is not honoured, so that nobody finds out in mid-run.
    """
    if not settings.licence_files:
        return []
    vendor = load_public_key(build.vendors_key(settings.vendor_public_key))
    records = [read_licence_file(path, vendor).record(key) for path in settings.licence_files]
    newest_last = sorted(records, key=lambda record: record.issued_at)
    return list({record.digest: record for record in newest_last}.values())


class Vendor:
    """Tells which licences of a store a build honours; `key` as in `digest_key`."""

    def __init__(self, public_key: Ed25519PublicKey | None, key: bytes) -> None:
        """public_key: None where all of them are."""
        self._public_key, self._key = public_key, key

    def honours(self, licence: LicenceRecord) -> bool:
        """Whether what the store says of it is what the vendor has signed; a revocation counts."""
        if self._public_key is None:
            return True
        try:
            signed = verify((licence.signed or "").encode(), self._public_key)
        except BadLicenceFile:
            return False
        own = replace(signed.record(self._key), signed=licence.signed)
        return own == replace(licence, revoked_at=None)


def vendor_of(settings: Settings) -> Vendor:
    """Raises StartupError where a build for vendors has no usable key."""
    public_key = load_public_key(build.KEY) if build.vendor_only() else None
    return Vendor(public_key, digest_key(settings))


def check_licences(settings: Settings) -> None:
    """Raises StartupError when the digest key or a licence file is unusable; asks no store."""
    vendor_of(settings)
    load_licence_files(settings, digest_key(settings))
