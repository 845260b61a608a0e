"""Quota counters in MongoDB, each change one atomic update of one document."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError

from service.store.counter import Counter

Document = dict[str, Any]

LAST_DATE = 253402300799.0  # the end of the year 9999, where BSON's dates and Python's part
TOKENS_KEPT = 1000  # replayed uses that one counter remembers


def take(counters: Collection[Document], wanted: Sequence[Counter], amount: int) -> bool:
    """Add to every counter, or undo and answer False when one is full."""
    for position, counter in enumerate(wanted):
        if not _add_within_limit(counters, counter, amount):
            give_back(counters, wanted[:position], amount)
            return False
    return True


def give_back(counters: Collection[Document], taken: Sequence[Counter], amount: int) -> None:
    less = {"$max": [0, {"$subtract": ["$used", amount]}]}
    for counter in taken:
        counters.update_one({"_id": counter.key}, [{"$set": {"used": less}}])


def advance(counters: Collection[Document], counter: Counter, value: int) -> int:
    """Raise to `value` unless it stands higher; what it stands at then."""
    born = {"expires_at": counter.expires_at, "purge_at": date(counter.expires_at)}
    change = {"$max": {"used": value}, "$setOnInsert": born}
    try:
        counters.update_one({"_id": counter.key}, change, upsert=True)
    except DuplicateKeyError:  # another process made it this very moment
        counters.update_one({"_id": counter.key}, {"$max": {"used": value}})
    found = counters.find_one({"_id": counter.key}, {"used": True})
    return int(found["used"]) if found else value


def claim(counters: Collection[Document], key: str, expires_at: float) -> bool:
    """Whether the counter was not there."""
    born = {"_id": key, "used": 1, "expires_at": expires_at, "purge_at": date(expires_at)}
    try:
        counters.insert_one(born)
    except DuplicateKeyError:
        return False
    return True


def add_once(
    counters: Collection[Document], token: str, wanted: Sequence[Counter], amount: int
) -> None:
    """Add whatever the limit, once for each token; the counter itself remembers its last tokens."""
    remember = {"$push": {"tokens": {"$each": [token], "$slice": -TOKENS_KEPT}}}
    for counter in wanted:
        _add(counters, counter, amount, {"tokens": {"$ne": token}}, remember)


def date(seconds: float) -> datetime:
    """For a TTL index, which wants a date."""
    return datetime.fromtimestamp(min(seconds, LAST_DATE), UTC)


def _add_within_limit(counters: Collection[Document], counter: Counter, amount: int) -> bool:
    if counter.limit is None:
        return _add(counters, counter, amount, {}, {})
    if amount > counter.limit:
        return False
    return _add(counters, counter, amount, {"used": {"$lte": counter.limit - amount}}, {})


def _add(
    counters: Collection[Document],
    counter: Counter,
    amount: int,
    condition: Document,
    extra: Document,
) -> bool:
    """Whether the condition held; a counter that does not exist yet fulfils every condition."""
    query = {"_id": counter.key} | condition
    born = {"expires_at": counter.expires_at, "purge_at": date(counter.expires_at)}
    change = {"$inc": {"used": amount}} | extra
    try:
        counters.update_one(query, change | {"$setOnInsert": born}, upsert=True)
    except DuplicateKeyError:
        # Either the condition failed, or another process made the counter this very moment.
        return counters.update_one(query, change).matched_count == 1
    return True
