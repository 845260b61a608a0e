"""Run a function every few seconds on a daemon thread."""

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
        self._thread: threading.Thread | None = None

    def ensure(self) -> None:
        """Start the thread unless this process has it already."""
        if self._pid != os.getpid():
            self._pid, self._ended = os.getpid(), threading.Event()
            self._thread = threading.Thread(
                target=self._run, args=(self._ended,), name="facegate-store-watch", daemon=True
            )
            self._thread.start()

    def stop(self) -> None:
        """Let a check under way come to its end, for a second at most."""
        self._ended.set()
        if self._thread is not None and self._pid == os.getpid():
            self._thread.join(timeout=1.0)

    def _run(self, ended: threading.Event) -> None:
        while not ended.is_set():
            try:
                self._check()
            except Exception:
                # The thread that closes the breaker must not die of one bad entry.
                log.exception("store_check_failed")
            ended.wait(self._every)
