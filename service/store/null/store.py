"""The store that remembers nothing beyond its process."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from service.store.base import LicenceRecord, StoredResult
from service.store.counter import Counter
from service.store.null.accounts import NullAccounts
from service.store.null.audit import NullAudit
from service.store.null.forgetting import NullForgetting
from service.store.null.jobs import NullJobs
from service.store.null.pictures import NullPictures
from service.store.null.records import NullRecords
from service.store.null.search import NullSearch


class NullStore(
    NullAccounts, NullAudit, NullForgetting, NullJobs, NullPictures, NullRecords, NullSearch
):
    """See `Store`. No result is kept.

    Licences and quota counters live in the memory of this process only, so that a signed licence
    file can still be counted: each gunicorn worker counts for itself and forgets at its end. With
    N workers a quota may therefore be used up to N times; run one worker, or a store, to hold it.
    """

    kind = "null"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._licences: dict[str, LicenceRecord] = {}
        self._used: dict[str, tuple[int, float]] = {}  # key -> used, expires_at

    def ping(self) -> None:
        """Always there."""

    def close(self) -> None:
        """Nothing to release."""

    def put_licence(self, licence: LicenceRecord) -> None:
        self._licences[licence.digest] = licence

    def get_licence(self, digest: str) -> LicenceRecord | None:
        return self._licences.get(digest)

    def list_licences(self) -> list[LicenceRecord]:
        return sorted(self._licences.values(), key=lambda each: (each.issued_at, each.digest))

    def take(self, counters: Sequence[Counter], amount: int = 1) -> bool:
        with self._lock:
            for counter in counters:
                if counter.limit is not None and self.usage(counter.key) + amount > counter.limit:
                    return False
            for counter in counters:
                self._used[counter.key] = (self.usage(counter.key) + amount, counter.expires_at)
            return True

    def give_back(self, counters: Sequence[Counter], amount: int = 1) -> None:
        with self._lock:
            for counter in counters:
                left = max(self.usage(counter.key) - amount, 0)
                self._used[counter.key] = (left, counter.expires_at)

    def usage(self, key: str) -> int:
        return self._used.get(key, (0, 0.0))[0]

    def advance(self, counter: Counter, value: int) -> int:
        with self._lock:
            value = max(self.usage(counter.key), value)
            self._used[counter.key] = (value, counter.expires_at)
            return value

    def claim(self, key: str, expires_at: float) -> bool:
        with self._lock:
            fresh = key not in self._used
            self._used[key] = (1, expires_at)
            return fresh

    def put_result(self, result: StoredResult) -> None:
        """Forgotten at once."""

    def find_result(
        self,
        licence: str,  # noqa: ARG002
        sha256: str,  # noqa: ARG002
        fingerprint: str,  # noqa: ARG002
    ) -> StoredResult | None:
        return None

    def get_result(self, licence: str, result_id: str) -> StoredResult | None:  # noqa: ARG002
        return None

    def list_results(
        self,
        licence: str,  # noqa: ARG002
        limit: int,  # noqa: ARG002
        before: tuple[float, str] | None = None,  # noqa: ARG002
    ) -> list[StoredResult]:
        return []

    def purge(self, now: float) -> int:
        with self._lock:
            self._used = {key: used for key, used in self._used.items() if used[1] > now}
        return 0
