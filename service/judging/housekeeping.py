"""Background work of a worker: purge what expired, refresh the slow gauges."""

from __future__ import annotations

import os
import threading
import time

import structlog

from service.errors import StoreUnavailable
from service.licensing import Licensing
from service.runtime import metrics
from service.store.base import Store

PURGE_EVERY = 600.0  # seconds
REFRESH_EVERY = 15.0
log = structlog.get_logger()


class Housekeeping:
    """A daemon thread in each process; harmless when several run at once."""

    def __init__(self, store: Store, licensing: Licensing) -> None:
        self._store = store
        self._licensing = licensing
        self._pid = 0
        self._told: set[str] = set()  # licences whose end is a metric now

    def start(self) -> None:
        """Begin, once in each process."""
        if self._pid != os.getpid():
            self._pid = os.getpid()
            threading.Thread(target=self._run, name="housekeeping", daemon=True).start()

    def _run(self) -> None:
        next_purge = time.monotonic()
        while True:
            self._refresh()
            if time.monotonic() >= next_purge:
                self._purge()
                next_purge = time.monotonic() + PURGE_EVERY
            time.sleep(REFRESH_EVERY)

    def _refresh(self) -> None:
        metrics.SPOOL_PENDING.set(getattr(self._store, "pending", lambda: 0)())
        getattr(self._store, "check", lambda: None)()
        metrics.STORE_UP.set(self._store_answers())
        self._refresh_jobs()
        self._licensing.settle()
        self._refresh_licences()

    def _refresh_licences(self) -> None:
        status = self._licensing.status()
        ends = {name: days for name, days in status.days_left.items() if days is not None}
        for name, days in ends.items():
            metrics.LICENCE_DAYS_LEFT.labels(name).set(days)
        # While the store is away, not every licence is known.
        known = self._told if status.by_grace else set[str]()
        for name in self._told - ends.keys() - known:
            metrics.forget_licence(name)
        self._told = known | ends.keys()

    def _refresh_jobs(self) -> None:
        try:
            load = self._store.job_load("")
        except StoreUnavailable:
            return
        metrics.JOBS_WAITING.set(load.total)
        metrics.JOBS_BYTES.set(load.size)
        metrics.JOBS_AGE.set(time.time() - load.oldest if load.oldest else 0)

    def _store_answers(self) -> bool:
        try:
            self._store.ping()
        except StoreUnavailable:
            return False
        return True

    def _purge(self) -> None:
        try:
            gone = self._store.purge(time.time())
        except StoreUnavailable:
            return
        if gone:
            log.info("purged", results=gone)
