"""Calls back about jobs that are over, a few at a time: who hangs holds up nobody else."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import orjson
import structlog

from service.errors import AddressRefused, CallbackRefused, CallbackUnavailable
from service.judging.callbacks import Poster, Secrets
from service.judging.lease import Lease, claim, update
from service.runtime.origin import came_by
from service.settings import Settings
from service.store.base import Store
from service.store.jobs import Busy, CallbackState, StoredJob

ROUNDS = (30.0, 300.0, 1800.0, 7200.0)  # seconds between rounds of posts to a callback address
AT_ONCE = 8  # callbacks in a worker
OF_AN_OWNER = 2  # of these, and one of an address: the rest is for others
Render = Callable[[StoredJob], dict[str, object]]
log = structlog.get_logger()


class Caller:
    """Posts in threads of its own, one for each callback under way."""

    def __init__(
        self, settings: Settings, store: Store, render: Render, told: Callable[[], None]
    ) -> None:
        """render: what an address is sent; told: called when there is room for another one."""
        self._settings, self._store, self._told = settings, store, told
        self._render, self._secrets = render, Secrets(settings)
        self._jobs: dict[str, StoredJob] = {}

    def start(self, ended: threading.Event) -> None:
        """Begin, once in each process; `ended` ends the waiting between attempts."""
        self._poster, self._jobs = Poster(self._settings, ended), {}

    @property
    def under_way(self) -> tuple[StoredJob, ...]:
        """Those whose addresses are being called."""
        return tuple(self._jobs.values())

    def take(self) -> bool:
        """Begin to call about the job that is due; whether there was one and room for it.

        For one thread. Raises StoreUnavailable.
        """
        if len(self._jobs) >= AT_ONCE:
            return False
        job = claim(self._store, "calling", self._settings.job_lease, self._busy())
        if job is not None:
            self._begin(job)
        return job is not None

    def _busy(self) -> Busy:
        jobs = self.under_way
        owners = Counter(job.owner for job in jobs)
        full = tuple(owner for owner, count in owners.items() if count >= OF_AN_OWNER)
        return Busy(full, tuple(job.callback_url or "" for job in jobs))

    def _begin(self, job: StoredJob) -> None:
        self._jobs[job.id] = job
        try:
            threading.Thread(
                target=self._run, args=(job,), name="job-callback", daemon=True
            ).start()
        except BaseException:
            del self._jobs[job.id]
            raise

    def _run(self, job: StoredJob) -> None:
        came_by("job")
        try:
            self._call(job)
        except Exception:
            log.exception("callback failed")  # its lease ends, and it is begun again
        finally:
            del self._jobs[job.id]
            self._told()

    def _call(self, job: StoredJob) -> None:
        try:
            with Lease(self._store, job, self._settings.job_lease):
                self._post(job)
        except CallbackUnavailable:
            self._call_later(job)
        except (AddressRefused, CallbackRefused):
            self._called(job, delivered=False)
        else:
            self._called(job, delivered=True)

    def _post(self, job: StoredJob) -> None:
        body = orjson.dumps(self._render(job))
        headers = self._secrets.headers
        self._poster.post(job.callback_url or "", body, lambda: headers(job.owner, job.id, body))

    def _call_later(self, job: StoredJob) -> None:
        if job.attempts > len(ROUNDS):
            self._called(job, delivered=False)
            return
        until = time.time() + ROUNDS[job.attempts - 1]
        update(self._store, replace(job, lease="", lease_until=until), job.lease)

    def _called(self, job: StoredJob, *, delivered: bool) -> None:
        callback: CallbackState = "delivered" if delivered else "failed"
        update(self._store, replace(job, callback=callback, lease="", lease_until=0.0), job.lease)
