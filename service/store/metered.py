"""Count the store's events as metrics."""

from __future__ import annotations

from service.runtime import metrics
from service.store.resilient.store import Observer


class StoreObserver(Observer):
    """Counts what happens to the store."""

    def away(self, away: bool) -> None:
        metrics.WITHOUT_STORE.set(away)

    def error(self, operation: str) -> None:
        metrics.STORE_ERRORS.labels(operation).inc()

    def spooled(self, kind: str) -> None:
        metrics.STORE_SPOOLED.labels(kind).inc()

    def replayed(self, kind: str) -> None:
        metrics.STORE_REPLAYED.labels(kind).inc()

    def lost(self, kind: str) -> None:
        metrics.STORE_LOST.labels(kind).inc()
