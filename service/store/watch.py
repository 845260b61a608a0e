"""One daemon thread in each process that does something every few seconds."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

import structlog

log = structlog.get_logger(__name__)


class Watch:
    """Started by the first `ensure` in a process, so that it lives on the right side of a fork."""

    def __init__(self, check: Callable[[], None], every: float) -> None:
        """every: seconds between two checks; the first comes at once."""
        self._check, self._every = check, every
        self._pid = 0
        self._ended = threading.Event()

    def ensure(self) -> None:
        """Start the thread unless this process has it already."""
        if self._pid != os.getpid():
            self._pid, self._ended = os.getpid(), threading.Event()
            name = "facegate-store-watch"
            threading.Thread(target=self._run, args=(self._ended,), name=name, daemon=True).start()

    def stop(self) -> None:
        self._ended.set()

    def _run(self, ended: threading.Event) -> None:
        while not ended.is_set():
            try:
                self._check()
            except Exception:
                # The thread that closes the breaker must not die of one bad entry.
                log.exception("store_check_failed")
            ended.wait(self._every)
