"""No jobs, where there is no store."""

from __future__ import annotations

from typing import IO

from service.errors import StoreUnavailable
from service.store.jobs import NOBODY, Busy, JobLoad, Stage, StoredJob


class NullJobs:
    """See `JobStore`. No job can be added: nobody could ask for one that a single worker knows."""

    def add_job(self, job: StoredJob) -> None:  # noqa: ARG002
        raise StoreUnavailable("Jobs need a store, and this service runs without one.")

    def get_job(self, owner: str, job_id: str) -> StoredJob | None:  # noqa: ARG002
        return None

    def next_job(
        self,
        stage: Stage,  # noqa: ARG002
        now: float,  # noqa: ARG002
        busy: Busy = NOBODY,  # noqa: ARG002
    ) -> StoredJob | None:
        return None

    def update_job(self, job: StoredJob, lease: str) -> bool:  # noqa: ARG002
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
        """Do nothing: there are no media."""
