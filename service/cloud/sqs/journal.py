"""Remember each queue job's outcome in the store, so that no redelivery repeats it."""

from __future__ import annotations

import hashlib
import time
from typing import Any

from service.settings import Settings
from service.store.base import Store, StoredResult

OWNER = "sqs"  # no licence's digest looks so
NO_BYTES = hashlib.sha256(b"").hexdigest()  # the store's schema asks for the form of a SHA-256
RETENTION = 15 * 86400.0  # seconds; SQS itself keeps a message for 14 days at most


class Journal:
    """Safe for threads and for several consumers on one store. Raises StoreUnavailable."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._store = store
        self._keep = max(RETENTION, settings.result_ttl)

    def result(self, key: str) -> dict[str, Any] | None:
        """The result that was found for this job before."""
        kept = self._store.get_result(OWNER, f"job_{key}")
        return kept.analysis if kept else None

    def remember(self, key: str, result: dict[str, Any]) -> None:
        self._put(f"job_{key}", result)

    def is_done(self, key: str | None) -> bool:
        """Whether its callback was accepted, or none was asked for."""
        return key is not None and self._store.get_result(OWNER, f"done_{key}") is not None

    def done(self, key: str | None) -> None:
        if key is not None:
            self._put(f"done_{key}", {})

    def _put(self, name: str, body: dict[str, Any]) -> None:
        now = time.time()
        record = StoredResult(
            id=name,
            licence=OWNER,
            sha256=str(body.get("sha256") or NO_BYTES),
            fingerprint="journal",  # of no model: it answers no request
            created_at=now,
            expires_at=now + self._keep,
            analysis=body,
        )
        self._store.put_result(record)
