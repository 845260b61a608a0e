"""Jobs behind the circuit breaker; nothing of them is set aside."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import IO

from service.store.jobs import NOBODY, Busy, JobLoad, JobStore, Stage, StoredJob


class ResilientJobs:
    """See `JobStore`."""

    def _reach(self, operation: str) -> AbstractContextManager[JobStore]:
        raise NotImplementedError

    def add_job(self, job: StoredJob) -> None:
        with self._reach("add_job") as primary:
            primary.add_job(job)

    def get_job(self, owner: str, job_id: str) -> StoredJob | None:
        with self._reach("get_job") as primary:
            return primary.get_job(owner, job_id)

    def next_job(self, stage: Stage, now: float, busy: Busy = NOBODY) -> StoredJob | None:
        with self._reach("next_job") as primary:
            return primary.next_job(stage, now, busy)

    def update_job(self, job: StoredJob, lease: str) -> bool:
        with self._reach("update_job") as primary:
            return primary.update_job(job, lease)

    def delete_job(self, owner: str, job_id: str) -> bool:
        with self._reach("delete_job") as primary:
            return primary.delete_job(owner, job_id)

    def job_load(self, owner: str) -> JobLoad:
        with self._reach("job_load") as primary:
            return primary.job_load(owner)

    def put_medium(self, job_id: str, stream: IO[bytes], expires_at: float) -> None:
        with self._reach("put_medium") as primary:
            primary.put_medium(job_id, stream, expires_at)

    def open_medium(self, job_id: str) -> IO[bytes] | None:
        with self._reach("open_medium") as primary:
            return primary.open_medium(job_id)

    def drop_medium(self, job_id: str) -> None:
        with self._reach("drop_medium") as primary:
            primary.drop_medium(job_id)
