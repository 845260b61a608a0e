"""Keeps messages from other consumers for as long as they are worked on here."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

import structlog

from service.cloud.sqs.message import Delivery
from service.cloud.sqs.queue import Queue
from service.errors import CloudError

log = structlog.get_logger()


class Heartbeat:
    """One thread for all messages, from enter to exit; a process that dies lets them go after
    their time-out."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._held: dict[str, Delivery] = {}
        self._lock = threading.Lock()
        self._over = threading.Event()

    def __enter__(self) -> Self:
        threading.Thread(target=self._run, name="heartbeat", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()

    @contextmanager
    def holding(self, delivery: Delivery) -> Iterator[None]:
        """Renew the message's time-out within this block."""
        with self._lock:
            self._held[delivery.receipt] = delivery
        try:
            yield
        finally:
            with self._lock:
                del self._held[delivery.receipt]

    def _run(self) -> None:
        # Three chances before the time-out ends: one renewal may fail.
        while not self._over.wait(self._queue.visibility / 3):
            with self._lock:
                held = list(self._held.values())
            for delivery in held:
                self._renew(delivery)

    def _renew(self, delivery: Delivery) -> None:
        try:
            self._queue.change_visibility(delivery, self._queue.visibility)
        except CloudError as error:
            log.warning("heartbeat failed", message_id=delivery.id, code=error.code)
