"""Works on jobs: in each worker one thread that judges, and one that has callbacks posted."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import IO, cast

import structlog

from service.analysis.records import to_record
from service.errors import FacegateError, JobAbandoned, StoreUnavailable
from service.judging.caller import Caller, Render
from service.judging.judge import Judge, Judged
from service.judging.lease import Lease, LeaseLost, claim, update
from service.judging.loader import Loader
from service.media.kinds import Kind
from service.media.medium import Medium
from service.runtime import metrics
from service.runtime.origin import came_by
from service.runtime.reporting import listening
from service.settings import Settings
from service.store.base import Store
from service.store.jobs import Stage, StoredJob

POLL = 1.0  # seconds between two looks for a job that another process took in
PAUSE = 2.0  # seconds before a job is begun again; twice as many each time
NICENESS = 5  # requests that somebody waits for come first
log = structlog.get_logger()


class JobRunner:
    """Two daemon threads in each process; `render` makes what a callback address is sent."""

    def __init__(
        self, settings: Settings, loader: Loader, store: Store, judge: Judge, render: Render
    ) -> None:
        """judge: with a limit of its own, since a job neither takes nor waits for a slot."""
        self._settings, self._loader, self._store, self._judge = settings, loader, store, judge
        self._caller = Caller(settings, store, render, lambda: self.wake("calling"))
        self._pid = 0

    def start(self) -> None:
        """Begin, once in each process."""
        if self._pid == os.getpid() or self._store.kind == "null":
            return
        self._pid, self._ended = os.getpid(), threading.Event()
        self._caller.start(self._ended)
        self._wake: dict[Stage, threading.Event] = {}
        self._current: list[StoredJob] = []
        takes: dict[Stage, Callable[[], bool]] = {
            "judging": self._take,
            "calling": self._caller.take,
        }
        for stage, take in takes.items():
            self._wake[stage] = threading.Event()
            threading.Thread(
                target=self._run, args=(stage, take), name=f"job-{stage}", daemon=True
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
        for job in (*self._current, *self._caller.under_way):
            state = "queued" if job.stage == "judging" else job.state
            free = replace(job, state=state, lease="", lease_until=0.0, attempts=job.attempts - 1)
            update(self._store, free, job.lease)

    def _run(self, stage: Stage, take: Callable[[], bool]) -> None:
        came_by("job")
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
        while not self._ended.is_set():
            if not _safely(take):
                self._wake[stage].wait(POLL)
                self._wake[stage].clear()

    def _take(self) -> bool:
        """Judge the next job; whether there was one."""
        if self._loader.state != "ready":
            return False
        job = claim(self._store, "judging", self._settings.job_lease)
        if job is not None:
            self._current = [job]
            try:
                self._work(job)
            finally:
                self._current = []
        return job is not None

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
        update(self._store, replace(job, state="queued", lease="", lease_until=until), job.lease)

    def _fail(self, job: StoredJob, error: FacegateError) -> None:
        failed = replace(job, state="failed", code=error.code, sentence=error.sentence)
        if self._end(failed):
            with suppress(StoreUnavailable):
                self._store.give_back(job.counters)

    def _end(self, job: StoredJob) -> bool:
        """Keep what became of a job, to be told from now on; its medium is of no use any more."""
        now = time.time()
        over = replace(job, lease="", lease_until=now, attempts=0, finished_at=now)
        ours = update(self._store, over, job.lease)
        if ours:
            metrics.JOBS.labels(over.state).inc()
            self._store.drop_medium(job.id)
            self.wake("calling")
        return ours


def _safely(take: Callable[[], bool]) -> bool:
    """What it says; False where it failed."""
    try:
        return take()
    except StoreUnavailable:
        return False
    except Exception:
        log.exception("job failed")  # its lease ends, and it is begun again
        return False


def _medium(job: StoredJob, stream: IO[bytes]) -> Medium:
    medium = Medium.receive(stream, job.size)
    if medium.sha256 != job.sha256:
        raise JobAbandoned("What was sent for this job is damaged.")
    return replace(medium, kind=cast(Kind, job.media))
