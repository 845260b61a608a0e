"""Records with sensible fields, any of which a test may change."""

from __future__ import annotations

import multiprocessing
import time
from collections import Counter as Tally
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from service.errors import StoreUnavailable
from service.settings import Settings
from service.store import Observer
from service.store.base import LicenceRecord, Store, StoredResult
from service.store.counter import Counter
from tests.waiting import eventually  # noqa: F401 - many tests of stores take it from here

DIGEST = "d1" * 32


def a_result(**changes: Any) -> StoredResult:
    fields: dict[str, Any] = {
        "id": uuid4().hex,
        "licence": "digest",
        "sha256": "5a" * 32,
        "fingerprint": "model-1",
        "created_at": time.time(),
        "expires_at": time.time() + 3600,
        "analysis": {"score": 0.25, "faces": [{"box": {"x": 1.5}}], "decision": "bona_fide"},
    }
    return StoredResult(**fields | changes)


def a_licence(digest: str = DIGEST, **changes: Any) -> LicenceRecord:
    fields: dict[str, Any] = {"name": "Test Bank", "issued_at": 1.5, "per_day": 3}
    return LicenceRecord(digest=digest, **fields | changes)


def a_counter(key: str = "digest/day", limit: int | None = 3, **changes: Any) -> Counter:
    return Counter(key=key, limit=limit, **{"expires_at": time.time() + 3600} | changes)


def a_settings(**fields: Any) -> Settings:
    """Whatever MongoDB the environment of the tests may name is left out."""
    return Settings(**{"mongodb_uri": None, "mongodb_user": None, "mongodb_pass": None} | fields)


def in_processes(count: int, work: Callable[[int], None], wait: float = 60.0) -> None:
    """Run `work(number)` in forked processes, as gunicorn's workers are; all must end well."""
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=work, args=(number,)) for number in range(count)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(wait)
    codes = [process.exitcode for process in processes]
    assert codes == [0] * count, codes


def answers(store: Store) -> bool:
    try:
        store.ping()
    except StoreUnavailable:
        return False
    return True


class Seen(Observer):
    """Counts what it hears of."""

    def __init__(self) -> None:
        self.errors, self.events = Tally[str](), Tally[tuple[str, str]]()

    def error(self, operation: str) -> None:
        self.errors[operation] += 1

    def spooled(self, kind: str) -> None:
        self.events["spooled", kind] += 1

    def replayed(self, kind: str) -> None:
        self.events["replayed", kind] += 1

    def lost(self, kind: str) -> None:
        self.events["lost", kind] += 1
