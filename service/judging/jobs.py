"""Media that are judged later: taken in, looked up, withdrawn. `JobRunner` works on them."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from contextlib import suppress

from service.errors import JobNotFound, JobsFull, StoreUnavailable, TooManyJobs
from service.judging.loader import Loader
from service.judging.recorder import OPERATOR
from service.media.fetching import Fetcher
from service.media.medium import Medium
from service.settings import Settings
from service.store.base import EntryRefused, Store
from service.store.counter import Counter
from service.store.jobs import StoredJob


class Jobs:
    """Takes jobs in, finds and withdraws them; `announce` is called for each new one.

    Safe for threads.
    """

    def __init__(self, settings: Settings, loader: Loader, store: Store, fetcher: Fetcher) -> None:
        self._settings, self._loader, self._store = settings, loader, store
        self._fetcher = fetcher
        self.announce: Callable[[], None] = lambda: None

    def submit(
        self,
        medium: Medium,
        *,
        owner: str | None,
        callback_url: str | None = None,
        counters: tuple[Counter, ...] = (),
    ) -> StoredJob:
        """Keep a medium to be judged soon; `counters` are given back should that fail.

        Raises UnsupportedMedia, FetchError for a callback address that may not be used,
        TooManyJobs, JobsFull, Unavailable or StoreUnavailable.
        """
        self._loader.wait()
        self._loader.pipeline(medium.kind)
        if callback_url is not None:
            self._fetcher.vet(callback_url)
        job = self._new(medium, owner or OPERATOR, callback_url, counters)
        self._check_room(job)
        self._keep(job, medium)
        self.announce()
        return job

    def find(self, owner: str, job_id: str) -> StoredJob:
        """Raises JobNotFound, also for a job of somebody else, or StoreUnavailable."""
        job = self._store.get_job(owner, job_id)
        if job is None:
            raise JobNotFound
        return job

    def withdraw(self, owner: str, job_id: str) -> None:
        """Forget a job and its medium; what it costs is given back unless it is judged.

        Raises JobNotFound or StoreUnavailable.
        """
        job = self.find(owner, job_id)
        if not self._store.delete_job(owner, job_id):
            raise JobNotFound
        if job.stage == "judging":
            with suppress(StoreUnavailable):
                self._store.give_back(job.counters)

    def _new(
        self, medium: Medium, owner: str, callback_url: str | None, counters: tuple[Counter, ...]
    ) -> StoredJob:
        now = time.time()
        return StoredJob(
            id=f"job_{uuid.uuid4().hex}",
            owner=owner,
            created_at=now,
            expires_at=now + self._settings.job_ttl,
            sha256=medium.sha256,
            size=medium.size,
            media=medium.kind,
            counters=counters,
            callback_url=callback_url,
            callback="none" if callback_url is None else "waiting",
        )

    def _check_room(self, job: StoredJob) -> None:
        """Refuse a job beyond the limits; workers that look at once may pass them by one each."""
        load, most = self._store.job_load(job.owner), self._settings
        if load.own >= most.max_jobs_per_licence:
            raise TooManyJobs
        if load.total >= most.max_jobs or load.size + job.size > most.job_spool_bytes:
            raise JobsFull

    def _keep(self, job: StoredJob, medium: Medium) -> None:
        try:
            self._store.put_medium(job.id, medium.open(), job.expires_at)
            self._store.add_job(job)
        except BaseException as error:
            with suppress(StoreUnavailable):
                self._store.drop_medium(job.id)
            if isinstance(error, EntryRefused):
                raise JobsFull from error
            raise
