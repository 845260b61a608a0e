"""The register of licences: issue, find, revoke and import them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from service.errors import LicenceError
from service.licensing.build import refuse_own_licences
from service.licensing.digest import keyed_digest, new_hash_id, public_digest
from service.licensing.signed import SignedLicence
from service.licensing.terms import Terms
from service.store.base import LicenceRecord, Store

SHORTEST_PREFIX = 8  # hex digits of a digest that may stand for a licence


class Register:
    """Licences in a store, kept by the digest under this installation's key.

    Every method raises StoreUnavailable.
    """

    def __init__(self, store: Store, key: bytes, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._key = key
        self._clock = clock

    def digest(self, hash_id: str) -> str:
        """What a hash_id is kept as. Raises LicenceError for what cannot be one."""
        return keyed_digest(self._key, public_digest(hash_id))

    def issue(self, terms: Terms, hash_id: str | None = None) -> tuple[str, LicenceRecord]:
        """Keep a new licence; returns its hash_id, which is never to be had again."""
        refuse_own_licences()
        hash_id = hash_id or new_hash_id()
        licence = LicenceRecord(
            digest=self.digest(hash_id),
            name=terms.name,
            issued_at=self._clock(),
            expires_at=terms.expires_at,
            per_day=terms.per_day,
            per_month=terms.per_month,
            features=terms.features,
        )
        self._store.put_licence(licence)
        return hash_id, licence

    def by_hash_id(self, hash_id: str) -> LicenceRecord | None:
        """The licence of a hash_id."""
        return self._store.get_licence(self.digest(hash_id))

    def find(self, who: str) -> list[LicenceRecord]:
        """Licences with this name, digest, start of a digest, or hash_id."""
        return [licence for licence in self.all() if self._is(licence, who)]

    def all(self) -> list[LicenceRecord]:
        """Every licence, oldest first."""
        return self._store.list_licences()

    def revoke(self, licence: LicenceRecord) -> LicenceRecord:
        """Refuse it from now on; once revoked, the first moment stays."""
        if licence.revoked_at is None:
            licence = replace(licence, revoked_at=self._clock())
            self._store.put_licence(licence)
        return licence

    def import_signed(self, signed: SignedLicence, content: str | None = None) -> LicenceRecord:
        """Keep a verified licence file in the store; it never revives a revoked licence.

        content: the file, for builds that honour nothing else.
        """
        licence = replace(signed.record(self._key), signed=content)
        kept = self._store.get_licence(licence.digest)
        if kept is not None:
            licence = replace(licence, revoked_at=kept.revoked_at)
        self._store.put_licence(licence)
        return licence

    def _is(self, licence: LicenceRecord, who: str) -> bool:
        if licence.name == who:
            return True
        if len(who) >= SHORTEST_PREFIX and licence.digest.startswith(who.lower()):
            return True
        try:
            return licence.digest == self.digest(who)
        except LicenceError:
            return False
