"""The SQS consumer. From Python:

consumer = Consumer.load(settings, cloud, options)
consumer.start_consuming(run_once=True, message_handler=print)
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Self

import structlog

from service.cloud.aws.session import Cloud
from service.cloud.predictor import Predictor
from service.cloud.sqs.callback import Callback
from service.cloud.sqs.heartbeat import Heartbeat
from service.cloud.sqs.journal import Journal
from service.cloud.sqs.message import Delivery, jobs_of
from service.cloud.sqs.queue import Queue
from service.cloud.sqs.statistics import Statistics
from service.cloud.sqs.work import MessageHandler, MessageWorker
from service.errors import (
    BadMessage,
    CallbackRefused,
    CloudError,
    FacegateError,
    FetchError,
)
from service.judging.judge import Judge
from service.runtime import metrics
from service.settings import Settings
from service.store import open_store
from service.store.metered import StoreObserver

LONGEST_PAUSE = 60.0  # seconds between polls while SQS does not answer
RETRY, LONGEST_RETRY = 5, 900  # seconds until a failed message comes again, doubled each time
log = structlog.get_logger()


@dataclass(frozen=True)
class ConsumerOptions:
    """Seconds, and numbers of messages; the names are the command's."""

    queue_url: str
    poll_interval: float = 5.0
    max_messages: int = 10
    wait_time: int = 20
    visibility_timeout: int = 30
    stats_interval: float = 0.0
    callback_url: str | None = None  # for uploads, whose notices name none


class Consumer:
    """Takes messages from a queue until it is stopped."""

    def __init__(
        self, options: ConsumerOptions, queue: Queue, worker: MessageWorker, stop: threading.Event
    ) -> None:
        self._options = options
        self._queue = queue
        self._worker = worker
        self._stop = stop
        self._ended = threading.Event()  # nothing more will be received
        self._free = threading.Semaphore(options.max_messages)
        self.statistics = Statistics()

    @classmethod
    def load(cls, settings: Settings, cloud: Cloud, options: ConsumerOptions) -> Self:
        """Models loaded, queue looked at. Raises StartupError."""
        stop = threading.Event()
        queue = Queue(cloud, options.queue_url, options.visibility_timeout)
        store = open_store(settings, StoreObserver())
        journal = Journal(settings, store)
        slots = settings.slots if "slots" in settings.model_fields_set else None
        judge = Judge.load(settings, store, slots)
        # Every thread may fetch: a message that came must not go back for want of a place.
        fetching = {"fetch_slots": max(settings.fetch_slots, options.max_messages)}
        predictor = Predictor(settings.model_copy(update=fetching), judge, cloud)
        return cls(
            options, queue, MessageWorker(predictor, journal, Callback(settings, stop)), stop
        )

    def stop(self) -> None:
        """Take no more messages; `start_consuming` returns when those in work are done."""
        self._stop.set()
        self._ended.set()

    def start_consuming(
        self, run_once: bool = False, message_handler: MessageHandler | None = None
    ) -> Statistics:
        """Work until `stop`, or for one poll. `message_handler` gets each result before its
        callback does; when it raises, the message comes again."""
        with (
            Heartbeat(self._queue) as heartbeat,
            ThreadPoolExecutor(self._options.max_messages) as pool,
        ):

            def begin(delivery: Delivery) -> None:
                pool.submit(self._handle, delivery, heartbeat, message_handler)

            # Nobody joins this thread: a long poll cannot be broken off, and a drain must not wait.
            receive = threading.Thread(target=self._receive, args=(run_once, begin), daemon=True)
            receive.start()
            while not self._ended.wait(self._options.stats_interval or None):
                log.info("statistics", **self.statistics.as_dict())
        return self.statistics

    def _receive(self, run_once: bool, begin: Callable[[Delivery], None]) -> None:
        pause = 0.0
        while not self._stop.wait(pause):
            pause = self._poll(begin, pause)
            if run_once:
                break
        self._ended.set()

    def _poll(self, begin: Callable[[Delivery], None], last_pause: float) -> float:
        """Begin what one poll gives; the seconds to wait before the next one."""
        free = self._take_free()
        batch: list[Delivery] = []
        try:
            batch = self._queue.receive(free, self._options.wait_time)
        except CloudError as error:
            log.warning("poll failed", code=error.code, reason=error.sentence)
            return min(max(1.0, last_pause * 2), LONGEST_PAUSE)
        finally:
            self._free.release(free - len(batch)) if free > len(batch) else None
        for delivery in batch:
            self._begin(delivery, begin)
        return 0.0 if batch else self._options.poll_interval

    def _take_free(self) -> int:
        """Wait for one free place, then take what else is free."""
        self._free.acquire()
        free = 1
        while free < self._options.max_messages and self._free.acquire(blocking=False):
            free += 1
        return free

    def _begin(self, delivery: Delivery, begin: Callable[[Delivery], None]) -> None:
        try:
            if self._stop.is_set():
                self._queue.change_visibility(delivery, 0)
            else:
                begin(delivery)
        except (CloudError, RuntimeError):  # the pool has closed: the time-out gives it back
            self._free.release()

    def _handle(
        self, delivery: Delivery, heartbeat: Heartbeat, handler: MessageHandler | None
    ) -> None:
        outcome = "later"
        try:
            with metrics.MESSAGES_IN_WORK.track_inprogress(), heartbeat.holding(delivery):
                error = self._work(delivery, handler)
            outcome = self._settle(delivery, error)
        except FacegateError as failure:
            log.warning("message not settled", message_id=delivery.id, code=failure.code)
        finally:
            self._free.release()
            self.statistics.count(outcome)

    def _work(self, delivery: Delivery, handler: MessageHandler | None) -> FacegateError | None:
        # Where a dead-letter queue takes what does not succeed, its owner may send it again.
        last = self._is_last(delivery) and self._queue.facts.dead_letter_url is None
        try:
            for job in jobs_of(delivery, self._queue.url, self._options.callback_url):
                self._worker.work(job, handler, last=last)
        except FacegateError as error:
            return error
        except Exception as error:
            log.error("unhandled", message_id=delivery.id, exc_info=error)
            return FacegateError()
        return None

    def _settle(self, delivery: Delivery, error: FacegateError | None) -> str:
        """Delete it, bury it, or let it come again; which of them."""
        if error is None:
            self._queue.delete(delivery)
            return "done"
        reason = error.sentence
        log.warning("message failed", message_id=delivery.id, code=error.code, reason=reason)
        ends = _is_permanent(error) or self._is_last(delivery)
        if ends and self._queue.dead_letter(delivery, error):
            return "buried"
        # When this consumer ends, another one may go on at once.
        wait = 0 if self._stop.is_set() else RETRY * 2 ** (min(delivery.received, 10) - 1)
        self._queue.change_visibility(delivery, min(wait, LONGEST_RETRY))
        return "later"

    def _is_last(self, delivery: Delivery) -> bool:
        return delivery.received >= self._queue.facts.max_receives


def _is_permanent(error: FacegateError) -> bool:
    if isinstance(error, FetchError):  # of the callback's address
        return error.permanent
    return isinstance(error, (BadMessage, CallbackRefused))
