"""No jobs, where there is no store."""

from __future__ import annotations

from typing import IO

from service.errors import StoreUnavailable
from service.store.jobs import Job, JobLoad, Stage


class NullJobs:
    """See `Jobs`. A job that only one worker knows could not be asked for: none can be added."""

    def add_job(self, job: Job) -> None:  # noqa: ARG002
        raise StoreUnavailable("Jobs need a store, and this service runs without one.")

    def get_job(self, owner: str, job_id: str) -> Job | None:  # noqa: ARG002
        return None

    def next_job(self, stage: Stage, now: float) -> Job | None:  # noqa: ARG002
        return None

    def update_job(self, job: Job, lease: str) -> bool:  # noqa: ARG002
        return False

    def delete_job(self, owner: str, job_id: str) -> bool:  # noqa: ARG002
        return False

    def job_load(self, owner: str) -> JobLoad:  # noqa: ARG002
        return JobLoad(0, 0, 0, None)

    def put_medium(self, job_id: str, stream: IO[bytes], expires_at: float) -> None:  # noqa: ARG002
        raise StoreUnavailable("Jobs need a store, and this service runs without one.")

    def open_medium(self, job_id: str) -> IO[bytes] | None:  # noqa: ARG002
        return None

    def drop_medium(self, job_id: str) -> None:
        """There is none."""
