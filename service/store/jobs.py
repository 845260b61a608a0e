"""Jobs and their media: the part of every store that keeps them.

A worker takes a job by a lease, a random token that holds until a time. Whoever writes a job names
the lease that it read: of two writers the slower one is told that it came too late.
"""

from __future__ import annotations

from dataclasses import replace
from typing import IO, Any, Literal, Protocol, Self

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass

from service.store.counter import Counter

State = Literal["queued", "running", "done", "failed"]
Stage = Literal["judging", "calling", "over"]
CallbackState = Literal["none", "waiting", "delivered", "failed"]


@dataclass(frozen=True)
class StoredJob:
    """One medium to be judged. `sha256`, `size` (bytes) and `media` (its kind) tell which one.

    attempts: at the present stage, the one under way included.
    counters: what a refusal gives back to the quota of its owner.
    analysis: the kept form of its judgement; `code` and `sentence` say why there is none.
    """

    id: str
    owner: str  # the licence's digest
    created_at: float
    expires_at: float
    sha256: str
    size: int
    media: str
    counters: tuple[Counter, ...] = ()
    callback_url: str | None = None
    callback: CallbackState = "none"
    state: State = "queued"
    attempts: int = 0
    progress: float = 0.0
    lease: str = ""
    lease_until: float = 0.0
    finished_at: float | None = None
    result_id: str | None = None
    analysis: dict[str, Any] | None = None
    code: str | None = None
    sentence: str | None = None

    @property
    def stage(self) -> Stage:
        """What is still to be done with it."""
        if self.state in ("queued", "running"):
            return "judging"
        return "calling" if self.callback == "waiting" else "over"

    def leased(self, lease: str, until: float) -> Self:
        """The same, taken by a worker for its next attempt."""
        state = "running" if self.stage == "judging" else self.state
        attempts = self.attempts + 1
        return replace(self, state=state, lease=lease, lease_until=until, attempts=attempts)


@dataclass(frozen=True)
class JobLoad:
    """Jobs that are not judged yet: how many, of one owner and in all, and the bytes they hold."""

    own: int
    total: int
    size: int
    oldest: float | None  # when it was made


@dataclass(frozen=True)
class Busy:
    """Those about whom enough callbacks are under way here; their jobs wait for the next look."""

    owners: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()


NOBODY = Busy()
JOB = TypeAdapter(StoredJob)


class JobStore(Protocol):
    """Raises StoreUnavailable as all of a store does."""

    def add_job(self, job: StoredJob) -> None:
        """Insert; its medium was put before."""

    def get_job(self, owner: str, job_id: str) -> StoredJob | None:
        """One unexpired job of one owner."""

    def next_job(self, stage: Stage, now: float, busy: Busy = NOBODY) -> StoredJob | None:
        """The unexpired job at this stage that no lease holds and that comes first: the oldest one
        to be judged, or, of those that are not busy, the one that was due first to be called about.
        """

    def update_job(self, job: StoredJob, lease: str) -> bool:
        """Replace by id, if it still has the lease that was read; answers whether it had."""

    def delete_job(self, owner: str, job_id: str) -> bool:
        """Delete a job and its medium; answers whether it was there."""

    def job_load(self, owner: str) -> JobLoad:
        """What waits to be judged, or is being judged."""

    def put_medium(self, job_id: str, stream: IO[bytes], expires_at: float) -> None:
        """Keep a job's medium, at most until then. Raises EntryRefused where there is no room."""

    def open_medium(self, job_id: str) -> IO[bytes] | None:
        """A job's medium, to be read from its start and closed by the caller."""

    def drop_medium(self, job_id: str) -> None:
        """Forget a job's medium; of one that is not there, nothing."""
