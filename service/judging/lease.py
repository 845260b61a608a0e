"""A hold on a job: renewed while the job is worked on, lost when the job is withdrawn."""

from __future__ import annotations

import threading
import time
import uuid
from dataclasses import replace
from types import TracebackType
from typing import Self

from service.errors import StoreUnavailable
from service.store.base import Store
from service.store.jobs import NOBODY, Busy, Stage, StoredJob

RACES = 5  # times that another worker may be quicker before we look again later


class LeaseLost(Exception):
    """The job is not ours any more: what is found would be thrown away."""


def claim(store: Store, stage: Stage, seconds: float, busy: Busy = NOBODY) -> StoredJob | None:
    """The next free job at a stage, taken for so many seconds. Raises StoreUnavailable."""
    for _ in range(RACES):
        now = time.time()
        job = store.next_job(stage, now, busy)
        if job is None:
            return None
        mine = job.leased(uuid.uuid4().hex, now + seconds)
        if store.update_job(mine, job.lease):
            return mine
    return None


def update(store: Store, job: StoredJob, lease: str) -> bool:
    """Whether the job was still ours; a store that is away lets the lease end."""
    try:
        return store.update_job(job, lease)
    except StoreUnavailable:
        return False


class Lease:
    """Renews a claimed job from a thread of its own until the block is left."""

    def __init__(self, store: Store, job: StoredJob, seconds: float) -> None:
        self._store, self._job, self._seconds = store, job, seconds
        self._progress = job.progress
        self._ended, self._lost = threading.Event(), False

    def __enter__(self) -> Self:
        threading.Thread(target=self._run, name="job-lease", daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._ended.set()

    def tell(self, progress: float) -> None:
        """Note how far the work is. Raises LeaseLost where it should end."""
        if self._lost:
            raise LeaseLost
        self._progress = max(progress, self._progress)

    def _run(self) -> None:
        while not self._ended.wait(self._seconds / 3) and not self._lost:
            try:
                self._lost = not self._renew()
            except StoreUnavailable:  # as long as nobody can take it, it is still ours
                continue

    def _renew(self) -> bool:
        until = time.time() + self._seconds
        renewed = replace(self._job, lease_until=until, progress=self._progress)
        return self._ended.is_set() or self._store.update_job(renewed, self._job.lease)
