"""Works on jobs: in each worker one thread that judges, and one that posts what was found."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import IO, cast

import orjson
import structlog

from service.analysis.records import to_record
from service.errors import (
    AddressRefused,
    CallbackRefused,
    CallbackUnavailable,
    FacegateError,
    JobAbandoned,
    StoreUnavailable,
)
from service.judging.callbacks import Poster, Secrets
from service.judging.judge import Judge, Judged
from service.judging.lease import Lease, LeaseLost, claim
from service.judging.loader import Loader
from service.media.kinds import Kind
from service.media.medium import Medium
from service.runtime import metrics
from service.runtime.origin import came_by
from service.runtime.reporting import listening
from service.settings import Settings
from service.store.base import Store
from service.store.jobs import CallbackState, Stage, StoredJob

POLL = 1.0  # seconds between two looks for a job that another process took in
PAUSE = 2.0  # seconds before a job is begun again; twice as many each time
ROUNDS = (30.0, 300.0, 1800.0, 7200.0)  # seconds between rounds of posts to a callback address
NICENESS = 5  # requests that somebody waits for come first
Render = Callable[[StoredJob], dict[str, object]]
log = structlog.get_logger()


class JobRunner:
    """Two daemon threads in each process; `render` makes what a callback address is sent."""

    def __init__(
        self, settings: Settings, loader: Loader, store: Store, judge: Judge, render: Render
    ) -> None:
        """judge: with a limit of its own, since a job neither takes nor waits for a slot."""
        self._settings, self._loader, self._store, self._judge = settings, loader, store, judge
        self._render, self._secrets = render, Secrets(settings)
        self._pid = 0

    def start(self) -> None:
        """Begin, once in each process."""
        if self._pid == os.getpid() or self._store.kind == "null":
            return
        self._pid, self._ended = os.getpid(), threading.Event()
        self._poster = Poster(self._settings, self._ended)
        self._wake: dict[Stage, threading.Event] = {}
        self._current: dict[Stage, StoredJob] = {}
        work: dict[Stage, Callable[[StoredJob], None]] = {
            "judging": self._work,
            "calling": self._call,
        }
        for stage, do in work.items():
            self._wake[stage] = threading.Event()
            threading.Thread(
                target=self._run, args=(stage, do), name=f"job-{stage}", daemon=True
            ).start()

    def wake(self, stage: Stage = "judging") -> None:
        """Tell the threads that there is something to do."""
        if self._pid == os.getpid():
            self._wake[stage].set()

    def stop(self) -> None:
        """Take no more jobs, and let others have those under way at once."""
        if self._pid != os.getpid():
            return
        self._ended.set()
        for job in list(self._current.values()):
            state = "queued" if job.stage == "judging" else job.state
            free = replace(job, state=state, lease="", lease_until=0.0, attempts=job.attempts - 1)
            self._update(free, job.lease)

    def _run(self, stage: Stage, work: Callable[[StoredJob], None]) -> None:
        came_by("job")
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
        while not self._ended.is_set():
            if not self._take(stage, work):
                self._wake[stage].wait(POLL)
                self._wake[stage].clear()

    def _take(self, stage: Stage, work: Callable[[StoredJob], None]) -> bool:
        """Whether there was a job."""
        try:
            job = self._claim(stage)
            if job is not None:
                self._current[stage] = job
                work(job)
            return job is not None
        except StoreUnavailable:
            return False
        except Exception:
            log.exception("job failed")  # its lease ends, and it is begun again
            return False
        finally:
            self._current.pop(stage, None)

    def _claim(self, stage: Stage) -> StoredJob | None:
        if stage == "judging" and self._loader.state != "ready":
            return None
        return claim(self._store, stage, self._settings.job_lease)

    # Judging
    def _work(self, job: StoredJob) -> None:
        if job.attempts > self._settings.job_attempts:
            self._fail(job, JobAbandoned())
            return
        try:
            with Lease(self._store, job, self._settings.job_lease) as lease, listening(lease.tell):
                judged = self._judged(job)
        except LeaseLost:
            metrics.JOBS.labels("lost").inc()
        except FacegateError as error:
            self._refused(job, error)
        except Exception:
            log.exception("job failed", job=job.id)
            self._refused(job, FacegateError())
        else:
            self._done(job, judged)

    def _judged(self, job: StoredJob) -> Judged:
        stream = self._store.open_medium(job.id)
        if stream is None:
            raise JobAbandoned("What was sent for this job is gone.")
        with stream:
            return self._judge.judge(_medium(job, stream), owner=job.owner)

    def _done(self, job: StoredJob, judged: Judged) -> None:
        record = to_record(judged.analysis)
        self._end(replace(job, state="done", progress=1.0, result_id=judged.id, analysis=record))

    def _refused(self, job: StoredJob, error: FacegateError) -> None:
        """What is the medium's own fault stays so; anything else may pass."""
        if error.status < 500 or job.attempts >= self._settings.job_attempts:
            self._fail(job, error)
            return
        metrics.JOBS.labels("again").inc()
        until = time.time() + PAUSE * 2**job.attempts
        self._update(replace(job, state="queued", lease="", lease_until=until), job.lease)

    def _fail(self, job: StoredJob, error: FacegateError) -> None:
        failed = replace(job, state="failed", code=error.code, sentence=error.sentence)
        if self._end(failed):
            with suppress(StoreUnavailable):
                self._store.give_back(job.counters)

    def _end(self, job: StoredJob) -> bool:
        """Keep what became of a job; its medium is of no use any more."""
        over = replace(job, lease="", lease_until=0.0, attempts=0, finished_at=time.time())
        ours = self._update(over, job.lease)
        if ours:
            metrics.JOBS.labels(over.state).inc()
            self._store.drop_medium(job.id)
            self.wake("calling")
        return ours

    # Calling back
    def _call(self, job: StoredJob) -> None:
        body = orjson.dumps(self._render(job))
        try:
            with Lease(self._store, job, self._settings.job_lease):
                self._poster.post(
                    job.callback_url or "",
                    body,
                    lambda: self._secrets.headers(job.owner, job.id, body),
                )
        except CallbackUnavailable:
            self._call_later(job)
        except (AddressRefused, CallbackRefused):
            self._called(job, delivered=False)
        else:
            self._called(job, delivered=True)

    def _call_later(self, job: StoredJob) -> None:
        if job.attempts > len(ROUNDS):
            self._called(job, delivered=False)
            return
        until = time.time() + ROUNDS[job.attempts - 1]
        self._update(replace(job, lease="", lease_until=until), job.lease)

    def _called(self, job: StoredJob, *, delivered: bool) -> None:
        callback: CallbackState = "delivered" if delivered else "failed"
        self._update(replace(job, callback=callback, lease="", lease_until=0.0), job.lease)

    def _update(self, job: StoredJob, lease: str) -> bool:
        """Whether the job was still ours; a store that is away lets the lease end."""
        try:
            return self._store.update_job(job, lease)
        except StoreUnavailable:
            return False


def _medium(job: StoredJob, stream: IO[bytes]) -> Medium:
    medium = Medium.receive(stream, job.size)
    if medium.sha256 != job.sha256:
        raise JobAbandoned("What was sent for this job is damaged.")
    return replace(medium, kind=cast(Kind, job.media))
