"""The one interface of every store, and the records that it keeps.

All times are seconds since the epoch (UTC). Every method raises `StoreUnavailable` when the store
cannot be reached, or its child `EntryRefused`, and nothing else. Methods may be called from several
threads and processes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass

from service.errors import StoreUnavailable
from service.store.accounts import AccountStore
from service.store.audit import Audit
from service.store.counter import Counter
from service.store.forgetting import Forgetting
from service.store.jobs import JobStore
from service.store.pictures import Pictures
from service.store.records import RecordStore
from service.store.search import Search


class EntryRefused(StoreUnavailable):
    """The store answers, but does not take this one entry; others are not concerned."""


Feature = Literal["detect", "explain", "batch", "history"]
FEATURES: tuple[Feature, ...] = ("detect", "explain", "batch", "history")


@dataclass(frozen=True)
class LicenceRecord:
    """A licence as it is kept: `digest` is the keyed digest of its hash_id, never the hash_id."""

    digest: str
    name: str
    issued_at: float
    expires_at: float | None = None
    per_day: int | None = None
    per_month: int | None = None
    features: tuple[Feature, ...] = FEATURES
    revoked_at: float | None = None
    source: Literal["issued", "file"] = "issued"
    signed: str | None = None  # the vendor's file, as it was imported


@dataclass(frozen=True)
class StoredResult:
    """One answered request. `analysis` is the JSON form of an `Analysis`, without its heat map."""

    id: str
    licence: str  # the licence's digest
    sha256: str
    fingerprint: str
    created_at: float
    expires_at: float
    analysis: dict[str, Any]
    image: bytes | None = None  # only when STORE_IMAGES says so
    contract: str = ""  # by which route it came in
    label: str | None = None  # what people found: genuine, deepfake or unsure


LICENCE = TypeAdapter(LicenceRecord)


class Store(AccountStore, Audit, Forgetting, JobStore, Pictures, RecordStore, Search, Protocol):
    """A room for state. `kind` is `mongo`, `sqlite` or `null`."""

    kind: str

    def ping(self) -> None:
        """Return when the store answers."""

    def close(self) -> None:
        """Release connections; the store is not used afterwards."""

    def put_licence(self, licence: LicenceRecord) -> None:
        """Insert or replace by digest."""

    def get_licence(self, digest: str) -> LicenceRecord | None:
        """The licence with this digest, expired and revoked ones included."""

    def list_licences(self) -> list[LicenceRecord]:
        """All licences, oldest first."""

    def take(self, counters: Sequence[Counter], amount: int = 1) -> bool:
        """Add `amount` to every counter, or to none and answer False when one would pass its limit.

        Atomic over threads and processes.
        """

    def give_back(self, counters: Sequence[Counter], amount: int = 1) -> None:
        """Undo a `take` whose request came to nothing."""

    def usage(self, key: str) -> int:
        """What a counter stands at."""

    def advance(self, counter: Counter, value: int) -> int:
        """Raise a counter to `value` unless it stands higher; what it stands at then."""

    def claim(self, key: str, expires_at: float) -> bool:
        """Whether nobody claimed this key before; remembered until then. Never set aside."""

    def put_result(self, result: StoredResult) -> None:
        """Insert; the same id again changes nothing."""

    def find_result(self, licence: str, sha256: str, fingerprint: str) -> StoredResult | None:
        """The newest unexpired result of these bytes by this model version, of one licence alone:
        no answer, and no answer's speed, may tell what others had judged."""

    def get_result(self, licence: str, result_id: str) -> StoredResult | None:
        """One unexpired result of one licence."""

    def list_results(
        self, licence: str, limit: int, before: tuple[float, str] | None = None
    ) -> list[StoredResult]:
        """Unexpired results of one licence, newest first; `before` is (created_at, id) of the last
        one of the page before."""

    def purge(self, now: float) -> int:
        """Delete what has expired; returns how many results went."""
