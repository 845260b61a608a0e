"""What a consumer did so far."""

from __future__ import annotations

import threading
import time
from typing import Any

from service.runtime import metrics


class Statistics:
    """Safe for threads. `processed` counts what was done with, `failed` what was not."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._start = time.monotonic()
        self.processed = 0
        self.failed = 0

    def count(self, outcome: str) -> None:
        """One message came to its end: `done`, `later` or `buried`."""
        metrics.MESSAGES.labels(outcome).inc()
        with self._lock:
            if outcome == "done":
                self.processed += 1
            else:
                self.failed += 1

    def as_dict(self) -> dict[str, Any]:
        """`runtime` in seconds, `rate` in messages a second."""
        runtime = time.monotonic() - self._start
        return {
            "processed": self.processed,
            "failed": self.failed,
            "runtime": round(runtime, 1),
            "rate": round(self.processed / runtime, 3) if runtime else 0.0,
        }
