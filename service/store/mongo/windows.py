"""A listing in parts, each a stretch of what it is sorted by, in its order and without overlap.

A part bounds what a server has to sort that takes no order from an index, and what was found in the
parts before is there when the time is over. The stretches grow, so an empty store costs few calls,
but only while they are quick: a server that was given up on goes on with its question, and answers
nobody else until it has ended.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

from service.store.search import After

Document = dict[str, Any]
Edge = float | str
LOW, HIGH = ("$gt", "$gte"), ("$lt", "$lte")
# Seconds that a stretch took at most, and how much longer the next one is then; else the same.
GROWTH = ((0.05, 4), (0.5, 2))
FIRST = {"created_at": 600.0, "analysis.score": 0.001}  # of the first stretch; seconds, or score
RESULT_ID = re.compile(r"res_([0-9a-f]{32})")
ALL_IDS = 1 << 128
SELECTIVE = ("label", "analysis.reasons")  # few results have one


def parts(
    query: Document, field: str, ascending: bool, after: After | None, early: float | None = None
) -> Iterator[Document]:
    """The query of each part; `after` is the row that the first one begins after, `early` the end
    of the first one of a listing whose beginning nobody knows.

    What leaves the fewest stands first, for a server that takes the index of the first condition.
    """
    beyond = "$gt" if ascending else "$lt"
    others = {name: value for name, value in query.items() if name != field}
    few = {name: others.pop(name) for name in SELECTIVE if others.get(name) is not None}
    near, far = _bounds(query.get(field, {}), ascending)
    if after is not None:
        if field != "_id":
            yield few | {field: after[0], "_id": {beyond: after[1]}} | others
        near = {beyond: after[0]}
    end = next(iter(far.values()), None)
    for edge in _edges(field, ascending, next(iter(near.values()), None), early):
        if end is not None and (edge >= end if ascending else edge <= end):
            break
        yield few | {field: near | {"$lt" if ascending else "$gte": edge}} | others
        near = {"$gte" if ascending else "$lt": edge}
    rest = near | far
    yield few | ({field: rest} if rest else {}) | others


def _bounds(given: Document, ascending: bool) -> tuple[Document, Document]:
    """Of the filter: the bound where the listing begins, and the one where it ends."""
    low = {name: value for name, value in given.items() if name in LOW}
    high = {name: value for name, value in given.items() if name in HIGH}
    return (low, high) if ascending else (high, low)


def _edges(field: str, ascending: bool, start: Any, early: float | None) -> Iterator[Any]:
    """Where the stretches end; none where nobody knows where the first begins."""
    if field == "_id":
        yield from _ids(start)
    elif start is not None:
        yield from _steps(float(start), FIRST[field], ascending, _last(field))
    elif field == "analysis.score" or not ascending:
        yield from _steps(0.0 if ascending else _last(field), FIRST[field], ascending, _last(field))
    elif early is not None:
        yield early
        yield from _steps(early, FIRST[field], ascending, _last(field))


def _last(field: str) -> float:
    """What nothing lies beyond."""
    return time.time() if field == "created_at" else 1.0


def _steps(at: float, step: float, ascending: bool, last: float) -> Iterator[float]:
    way = 1 if ascending else -1
    while 0 < at + way * step < last:
        at += way * step
        began = time.monotonic()
        yield at
        taken = time.monotonic() - began
        step *= next((times for most, times in GROWTH if taken < most), 1)


def _ids(start: str | None) -> Iterator[str]:
    """Ids are drawn at random, so a stretch of them holds about its share of all results."""
    found = RESULT_ID.fullmatch(start or result_id(0))
    at = int(found[1], 16) if found else ALL_IDS
    for step in (14, 12, 10, 8, 6, 4, 2):
        at += ALL_IDS >> step
        if at < ALL_IDS:
            yield result_id(at)


def result_id(number: int) -> str:
    """The id with this number."""
    return f"res_{number:032x}"
