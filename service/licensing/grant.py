"""A grant: what a successful authorisation gives to a route."""

from __future__ import annotations

from pydantic.dataclasses import dataclass

from service.store.base import LicenceRecord
from service.store.counter import Counter


@dataclass(frozen=True)
class Grant:
    """Permission for one request. `counters` were taken `amount` times; refund them on failure."""

    licence: LicenceRecord
    counters: tuple[Counter, ...]
    amount: int
    by_grace: bool = False  # the store was away; a remembered licence was honoured
    owed: bool = False  # not counted yet: this process counts it when the store is back
