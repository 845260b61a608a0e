"""Look up a licence in the store; a cached answer serves while the store is away."""

from __future__ import annotations

import hmac

import structlog

from service.errors import StoreUnavailable
from service.licensing.memory import Cache, Folder, RememberedLicence
from service.settings import Settings
from service.store.base import LicenceRecord, Store

KNOWN = 10_000  # licences held in process
UNKNOWN = 1_000  # wrong hash_ids held in process, apart, so that guessing evicts no customer
UNKNOWN_TTL = 1.0  # seconds; a licence issued a moment ago must work soon
WRITE_EVERY = 60.0  # seconds between writes of an unchanged licence to the folder
log = structlog.get_logger()


class Lookup:
    """`away` tells whether the store failed when it was last asked."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._store = store
        self._ttl = settings.licence_cache
        self._grace = settings.licence_grace
        self._known, self._unknown = Cache(KNOWN), Cache(UNKNOWN)
        self._written = Cache(KNOWN)
        self._folder = Folder(settings.data_dir / "grace")
        self.away = False

    def find(self, digest: str, now: float) -> tuple[LicenceRecord | None, bool]:
        """The licence, if any, and whether it is honoured by grace.

        Raises StoreUnavailable when the store is away and nothing recent is remembered.
        """
        cached = self._cached(digest, now)
        if cached is not None:
            return cached.licence, False
        try:
            licence = self._ask(digest)
        except StoreUnavailable:
            self.store_failed()
            return self._remembered(digest, now), True
        self.away = False
        self._remember(digest, RememberedLicence(licence, now))
        return licence, False

    def store_failed(self) -> None:
        """Note that the store is away; said once, not with every request."""
        if not self.away:
            log.warning("store away", consequence="licences seen lately are honoured")
        self.away = True

    def remembered(self) -> list[LicenceRecord]:
        """Every licence that the folder holds, whatever its age."""
        return [seen.licence for seen in self._folder.all() if seen.licence is not None]

    def _cached(self, digest: str, now: float) -> RememberedLicence | None:
        for cache, ttl in ((self._known, self._ttl), (self._unknown, min(self._ttl, UNKNOWN_TTL))):
            seen = cache.get(digest)
            if seen is not None and 0 <= now - seen.at < ttl:
                return seen
        return None

    def _ask(self, digest: str) -> LicenceRecord | None:
        licence = self._store.get_licence(digest)
        if licence is None or not hmac.compare_digest(licence.digest, digest):
            return None
        return licence

    def _remember(self, digest: str, seen: RememberedLicence) -> None:
        if seen.licence is None:
            self._forget(digest)
            self._unknown.put(digest, seen)
            return
        self._known.put(digest, seen)
        written = self._written.get(digest)
        if written is None or written.licence != seen.licence or seen.at - written.at > WRITE_EVERY:
            self._folder.put(digest, seen)
            self._written.put(digest, seen)

    def _forget(self, digest: str) -> None:
        if self._known.get(digest) is not None or self._folder.get(digest) is not None:
            for place in (self._known, self._written, self._folder):
                place.drop(digest)

    def _remembered(self, digest: str, now: float) -> LicenceRecord:
        """The licence as it was last known; a revoked one stays revoked for ever."""
        for seen in (self._known.get(digest), self._folder.get(digest)):
            if seen is None or seen.licence is None:
                continue
            if seen.licence.revoked_at is not None or now - seen.at < self._grace:
                return seen.licence
        raise StoreUnavailable
