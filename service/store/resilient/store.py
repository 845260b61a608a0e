"""Keeps requests fast and writes safe while the primary store is away."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import structlog

from service.errors import StoreTooSlow, StoreUnavailable
from service.store.audit import AuditBatch
from service.store.base import EntryRefused, LicenceRecord, Store, StoredResult
from service.store.counter import Counter
from service.store.resilient.accounts import ResilientAccounts
from service.store.resilient.audit import ResilientAudit
from service.store.resilient.forgetting import ResilientForgetting
from service.store.resilient.jobs import ResilientJobs
from service.store.resilient.pictures import ResilientPictures
from service.store.resilient.records import ResilientRecords
from service.store.resilient.search import ResilientSearch
from service.store.resilient.spool import Entry, Spool, Use
from service.store.resilient.watch import Watch

log = structlog.get_logger(__name__)
PRESENT = (EntryRefused, StoreTooSlow)  # what a store that is there says


class Primary(Store, Protocol):
    """A store that can also be told the same use twice without counting it twice."""

    def prepare(self) -> None:
        """What is done once, outside requests, when the store answers for the first time.

        Raises StoreUnavailable when the store went away meanwhile.
        """

    def add_once(self, token: str, counters: Sequence[Counter], amount: int) -> None:
        """Add to every counter whatever its limit; the same token again changes nothing."""


class Observer:
    """What happens to the store, for metrics; does nothing itself.

    `kind` is `result`, `use` or `audit`.
    """

    def away(self, away: bool) -> None:
        """From now on this process does, or does not, without the store."""

    def error(self, operation: str) -> None:
        """A call failed, or was refused because the store is away."""

    def spooled(self, kind: str) -> None:
        """A write was set aside, to be delivered later."""

    def replayed(self, kind: str) -> None:
        """The primary acknowledged what had been set aside."""

    def lost(self, kind: str) -> None:
        """A write could neither be made nor set aside, or was refused until it had expired."""


class ResilientStore(
    ResilientAccounts,
    ResilientAudit,
    ResilientForgetting,
    ResilientJobs,
    ResilientPictures,
    ResilientRecords,
    ResilientSearch,
):
    """See `Store`. A circuit breaker and a spool before a primary store.

    The first call that fails opens the breaker; from then on calls fail at once, and only a daemon
    thread asks, every `retry` seconds, whether the primary is back. Results and quota uses go to
    the spool meanwhile and are delivered afterwards, each counted once. Quotas do not refuse
    anybody meanwhile. A `take` whose answer was lost on the way may count twice.
    """

    def __init__(
        self,
        primary: Primary,
        spool: Spool,
        *,
        retry: float,
        observe: Observer | None = None,
        strict: bool = False,
    ) -> None:
        """strict: a use that is limited and cannot be counted now is not set aside but refused."""
        self._strict = strict
        self.kind = primary.kind
        self._primary, self._spool = primary, spool
        self._observe = observe or Observer()
        self._away = self._prepared = False
        self._watch = Watch(self._check, max(retry, 0.05))

    @property
    def available(self) -> bool:
        """Whether calls reach the primary."""
        return not self._away

    @property
    def server(self) -> str | None:
        """What the primary runs on, where it says so."""
        return getattr(self._primary, "server", None)

    def pending(self) -> int:
        """How many writes wait in the spool; -1 when it cannot be read."""
        try:
            return self._spool.pending()
        except StoreUnavailable:
            return -1

    def ping(self) -> None:
        with self._reach("ping") as primary:
            primary.ping()

    def close(self) -> None:
        self._watch.stop()
        self._primary.close()
        self._spool.close()

    def put_licence(self, licence: LicenceRecord) -> None:
        with self._reach("put_licence") as primary:
            primary.put_licence(licence)

    def get_licence(self, digest: str) -> LicenceRecord | None:
        with self._reach("get_licence") as primary:
            return primary.get_licence(digest)

    def list_licences(self) -> list[LicenceRecord]:
        with self._reach("list_licences") as primary:
            return primary.list_licences()

    def take(self, counters: Sequence[Counter], amount: int = 1) -> bool:
        if not counters:
            return True
        try:
            with self._reach("take") as primary:
                return primary.take(counters, amount)
        except StoreUnavailable:
            if self._strict and any(counter.limit is not None for counter in counters):
                raise
            self._set_aside("use", lambda: self._spool.put_use(counters, amount))
            return True

    def give_back(self, counters: Sequence[Counter], amount: int = 1) -> None:
        try:
            with self._reach("give_back") as primary:
                primary.give_back(counters, amount)
        except StoreUnavailable:
            self._set_aside("use", lambda: self._spool.put_use(counters, -amount))

    def usage(self, key: str) -> int:
        with self._reach("usage") as primary:
            return primary.usage(key)

    def advance(self, counter: Counter, value: int) -> int:
        with self._reach("advance") as primary:
            return primary.advance(counter, value)

    def claim(self, key: str, expires_at: float) -> bool:
        with self._reach("claim") as primary:
            return primary.claim(key, expires_at)

    def put_result(self, result: StoredResult) -> None:
        try:
            with self._reach("put_result") as primary:
                primary.put_result(result)
        except StoreUnavailable:
            self._set_aside("result", lambda: self._spool.put_result(result))

    def find_result(self, licence: str, sha256: str, fingerprint: str) -> StoredResult | None:
        """While the primary is away, the spool may know an answer."""
        try:
            with self._reach("find_result") as primary:
                return primary.find_result(licence, sha256, fingerprint)
        except StoreUnavailable:
            found = self._spool.find_result(licence, sha256, fingerprint)
            if found is None:
                raise
            return found

    def get_result(self, licence: str, result_id: str) -> StoredResult | None:
        with self._reach("get_result") as primary:
            return primary.get_result(licence, result_id)

    def list_results(
        self, licence: str, limit: int, before: tuple[float, str] | None = None
    ) -> list[StoredResult]:
        with self._reach("list_results") as primary:
            return primary.list_results(licence, limit, before)

    def purge(self, now: float) -> int:
        with self._reach("purge") as primary:
            return primary.purge(now)

    @contextmanager
    def _reach(self, operation: str) -> Iterator[Primary]:
        self._watch.ensure()
        if self._away:
            self._observe.error(operation)
            raise StoreUnavailable
        try:
            yield self._primary
        except StoreUnavailable as error:
            self._observe.error(operation)
            if not isinstance(error, PRESENT):
                self._set_away(True)
            raise

    def _set_aside(self, kind: str, write: Callable[[], None]) -> None:
        try:
            write()
        except StoreUnavailable:
            self._observe.lost(kind)
            raise
        self._observe.spooled(kind)

    def _set_away(self, away: bool) -> None:
        if away != self._away:
            log.warning("store_away" if away else "store_back", kind=self.kind)
            self._away = away
            self._observe.away(away)

    def _check(self) -> None:
        """In the daemon thread: look after the primary, then deliver what waits."""
        if self._answers():
            self._replay()

    def _answers(self) -> bool:
        try:
            self._primary.ping()
            self._prepare()
        except StoreUnavailable:
            self._set_away(True)
            return False
        self._set_away(False)
        return True

    def _prepare(self) -> None:
        if not self._prepared:
            self._primary.prepare()
            self._prepared = True

    def _replay(self) -> None:
        while entries := self._spool.claim():
            for position, entry in enumerate(entries):
                if self._delivered(entry):
                    continue
                if not self._answers():
                    self._spool.release(entries[position:])
                    return
                self._refused(entry)

    def _delivered(self, entry: Entry) -> bool:
        try:
            self._hand_over(entry)
        except StoreUnavailable:
            return False
        self._spool.done(entry)
        self._observe.replayed(entry.kind)
        return True

    def _refused(self, entry: Entry) -> None:
        """One bad entry must hold up neither the others nor, by the breaker, the requests."""
        if entry.is_of_use:
            log.warning("store_refuses_entry", kind=entry.kind, attempts=entry.attempts + 1)
            self._spool.refused(entry)
        else:
            self._spool.done(entry)
            self._observe.lost(entry.kind)

    def _hand_over(self, entry: Entry) -> None:
        if isinstance(entry.content, Use):
            self._primary.add_once(entry.token, entry.content.counters, entry.content.amount)
        elif isinstance(entry.content, AuditBatch):
            self._primary.append_audit(entry.content)
        else:
            self._primary.put_result(entry.content)
