"""`Licensing`: a hash_id in, a `Grant` or the reason of a refusal out."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import structlog

from service.errors import (
    FeatureNotLicensed,
    LicenceError,
    LicenceExpired,
    LicenceRevoked,
    QuotaExceeded,
    StoreUnavailable,
)
from service.licensing import windows
from service.licensing.clock import HighWater
from service.licensing.digest import digest_key
from service.licensing.files import load_licence_files, vendor_of
from service.licensing.grant import Grant
from service.licensing.lookup import Lookup
from service.licensing.owed import Owed
from service.licensing.register import Register
from service.licensing.status import LicenceStatus, summarise
from service.licensing.terms import Terms
from service.settings import Settings
from service.store.base import FEATURES, Feature, LicenceRecord, Store

STATUS_TTL = 5.0  # seconds
log = structlog.get_logger()


class Licensing:
    """Licences as one process sees them; safe for threads.

    Raises StartupError when the digest key or a licence file is unusable.
    """

    def __init__(
        self, settings: Settings, store: Store, clock: Callable[[], float] = time.time
    ) -> None:
        key = digest_key(settings)
        self._store = store
        self._strict = settings.quota == "strict"
        self._owed = Owed(store)
        self._high_water = HighWater(store, clock)
        self._clock = clock
        self._vendor = vendor_of(settings)
        self._register = Register(store, key, clock)
        self._files = {file.digest: file for file in load_licence_files(settings, key)}
        self._lookup = Lookup(settings, store)
        self._status: tuple[float, LicenceStatus] | None = None

    def check(self, hash_id: str, feature: Feature = "detect") -> None:
        """Whether a request may be made, without counting it. Raises as `authorise` does."""
        licence, _ = self._find(self._register.digest(hash_id), self._clock())
        _permit(licence, feature, self._high_water.now())

    def authorise(self, hash_id: str, feature: Feature = "detect", amount: int = 1) -> Grant:
        """Permission for one request that costs `amount` images.

        Raises LicenceError or one of its children, or StoreUnavailable when the store is away and
        the licence was not seen within the grace period.
        """
        digest = self._register.digest(hash_id)
        licence, by_grace = self._find(digest, self._clock())
        now = self._high_water.now()
        _permit(licence, feature, now)
        grant = Grant(licence, windows.counters(licence, now), amount, by_grace)
        return self._take(grant, now) if grant.counters else grant

    def refund(self, grant: Grant, amount: int | None = None) -> None:
        """Give back what a request did not use; never raises."""
        amount = grant.amount if amount is None else amount
        if not grant.counters:
            return None
        if grant.owed:
            return self._owed.add(grant.counters, -amount)
        try:
            self._store.give_back(grant.counters, amount)
        except StoreUnavailable:
            log.warning("refund lost", licence=grant.licence.name)

    def issue(
        self,
        name: str,
        expires_at: float | None = None,
        per_day: int | None = None,
        per_month: int | None = None,
        features: tuple[Feature, ...] = FEATURES,
    ) -> tuple[str, LicenceRecord]:
        """A new licence and its hash_id, which is kept nowhere.

        Raises pydantic's ValidationError for unusable terms, StoreUnavailable.
        """
        terms = Terms(
            name=name,
            expires_at=None if expires_at is None else int(expires_at),
            per_day=per_day,
            per_month=per_month,
            features=features,
        )
        return self._register.issue(terms)

    def revoke(self, digest: str) -> LicenceRecord:
        """Refuse a licence from now on. Raises LicenceError or StoreUnavailable."""
        found = self._store.get_licence(digest)
        if found is None:
            raise LicenceError
        return self._register.revoke(found)

    def settle(self) -> None:
        """Count what could not be counted when it was used, and look at the time; never raises."""
        self._high_water.look()
        if self._owed:
            self._owed.settle()

    def notices(self) -> list[str]:
        """What an operator should know, in sentences."""
        hours = self._high_water.behind() / 3600
        if not hours:
            return []
        return [
            f"The clock is {hours:.1f} hours behind the latest time that the store has seen;"
            " licences end by the latter (`facegate licence reset-clock` if the clock was ahead)."
        ]

    def status(self) -> LicenceStatus:
        """For health and metrics; some seconds old at most, never raises for a store away."""
        now = self._clock()
        if self._status is None or not 0 <= now - self._status[0] < STATUS_TTL:
            licences = self._all()
            status = summarise(licences, now, by_grace=self._lookup.away)
            self._status = (now, status)
        return self._status[1]

    def _all(self) -> list[LicenceRecord]:
        try:
            licences = self._register.all()
        except StoreUnavailable:
            self._lookup.store_failed()
            licences = self._lookup.remembered()
        else:
            self._lookup.away = False
        stored = {licence.digest: licence for licence in licences}
        files = {
            digest: _stronger(file, stored.get(digest)) for digest, file in self._files.items()
        }
        return list((stored | files).values())

    def _find(self, digest: str, now: float) -> tuple[LicenceRecord, bool]:
        """Raises LicenceError when nobody knows the digest."""
        file = self._files.get(digest)
        try:
            licence, by_grace = self._lookup.find(digest, now)
        except StoreUnavailable:
            if file is None:
                raise
            return file, False
        if file is not None:
            return _stronger(file, licence), False
        if licence is None or not self._vendor.honours(licence):
            raise LicenceError
        return licence, by_grace

    def _take(self, grant: Grant, now: float) -> Grant:
        try:
            taken = self._store.take(grant.counters, grant.amount)
        except StoreUnavailable:
            self._lookup.store_failed()
            if self._strict:
                raise
            # A customer who paid is not turned away because a count cannot be kept now.
            self._owed.add(grant.counters, grant.amount)
            return replace(grant, by_grace=True, owed=True)
        if self._owed:
            self._owed.settle()
        if not taken:
            raise QuotaExceeded(windows.retry_after(self._store, grant.counters, grant.amount, now))
        return grant


def _stronger(file: LicenceRecord, stored: LicenceRecord | None) -> LicenceRecord:
    """The file counts, unless the store knows that the licence has been revoked."""
    return stored if stored is not None and stored.revoked_at is not None else file


def _permit(licence: LicenceRecord, feature: Feature, now: float) -> None:
    if licence.revoked_at is not None:
        raise LicenceRevoked
    if licence.expires_at is not None and licence.expires_at <= now:
        raise LicenceExpired
    if feature not in licence.features:
        raise FeatureNotLicensed
