"""Work one queue job from its message to its callback; each finished step is done only once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from service.cloud import result
from service.cloud.predictor import Predictor, named_source
from service.cloud.sqs.callback import Callback
from service.cloud.sqs.journal import Journal
from service.cloud.sqs.message import QueuedMedium
from service.errors import (
    BodyTooLarge,
    BucketNotFound,
    CloudUnavailable,
    FacegateError,
    FetchError,
    ObjectArchived,
    ObjectNotFound,
)
from service.runtime.origin import came_by

MessageHandler = Callable[[dict[str, Any]], object]
# There is nothing to wait for: the caller is told.
PERMANENT = (ObjectNotFound, ObjectArchived, BucketNotFound, BodyTooLarge)


class MessageWorker:
    """Judges the media of messages and calls back. Safe for threads."""

    def __init__(self, predictor: Predictor, journal: Journal, callback: Callback) -> None:
        self._predictor = predictor
        self._journal = journal
        self._callback = callback
        self._claimed: set[str] = set()
        self._lock = threading.Lock()

    def work(
        self, job: QueuedMedium, handler: MessageHandler | None = None, *, last: bool = False
    ) -> None:
        """Return when the result is stored and, where one was asked for, the callback accepted it.

        `last`: there is no later attempt at an address that does not answer; the caller is told.
        Raises FacegateError when it is to be tried again or given up.
        """
        came_by("queue")
        if self._journal.is_done(job.key):
            return
        found = self._journal.result(job.key)
        if found is None:
            found = self._result(job, last)
            self._journal.remember(job.key, found)
        repeat = job.repeat_key(found["content_sha256"])
        with self._claim(repeat or job.key):
            if not self._journal.is_done(repeat):
                self._deliver(job, found, handler)
                self._journal.done(repeat)
        self._journal.done(job.key)

    def _deliver(
        self, job: QueuedMedium, found: dict[str, Any], handler: MessageHandler | None
    ) -> None:
        if handler is not None:
            handler(found)
        if job.callback_url is not None:
            self._callback.post(job.callback_url, found, job.key)

    def _result(self, job: QueuedMedium, last: bool) -> dict[str, Any]:
        if job.mistake is not None:
            return _missing(job, job.mistake)
        try:
            loaded = self._predictor.load_bytes(job.asked.url)
        except PERMANENT as error:
            return _missing(job, error)
        except FetchError as error:
            if error.permanent or last:
                return _missing(job, error)
            raise
        return self._predictor.result(job.asked, loaded) | {"content_sha256": loaded.medium.sha256}

    @contextmanager
    def _claim(self, key: str) -> Iterator[None]:
        """A queue may deliver a message twice at the same time; the second one comes later."""
        with self._lock:
            if key in self._claimed:
                raise CloudUnavailable("The same request is being worked on.")
            self._claimed.add(key)
        try:
            yield
        finally:
            with self._lock:
                self._claimed.remove(key)


def _missing(job: QueuedMedium, error: FacegateError) -> dict[str, Any]:
    """The result where there are no bytes to judge."""
    found = result.unjudged(job.asked, named_source(job.asked.url), error)
    return found | {"content_sha256": ""}
