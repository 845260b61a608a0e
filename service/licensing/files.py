"""The licence files that the settings name."""

from __future__ import annotations

from service.licensing.digest import digest_key
from service.licensing.signed import load_public_key, read_licence_file
from service.settings import Settings
from service.store.base import LicenceRecord


def load_licence_files(settings: Settings, key: bytes) -> list[LicenceRecord]:
    """Verified licences; of several for one hash_id, the one issued last.

    Raises StartupError when one is not honoured, so that nobody finds out in mid-run.
    """
    if not settings.licence_files:
        return []
    vendor = load_public_key(settings.vendor_public_key)
    records = [read_licence_file(path, vendor).record(key) for path in settings.licence_files]
    newest_last = sorted(records, key=lambda record: record.issued_at)
    return list({record.digest: record for record in newest_last}.values())


def check_licences(settings: Settings) -> None:
    """Raises StartupError when the digest key or a licence file is unusable; asks no store."""
    load_licence_files(settings, digest_key(settings))
