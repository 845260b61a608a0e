"""A listing in parts, each a stretch of what it is sorted by, in its order and without overlap.

A part bounds what a server has to sort that takes no order from an index, and what was found in the
parts before is there when the time is over. The stretches grow, so an empty store costs few calls.
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
GROWTH, STEPS = 4, 9
FIRST = {"created_at": 600.0, "analysis.score": 0.001}  # of the first stretch; seconds, or score
RESULT_ID = re.compile(r"res_([0-9a-f]{32})")
ALL_IDS = 1 << 128


def parts(query: Document, field: str, ascending: bool, after: After | None) -> Iterator[Document]:
    """The query of each part; `after` is the row that the first one begins after.

    What leaves the fewest stands first, for a server that takes the index of the first condition:
    people label few results, and a stretch is short.
    """
    beyond = "$gt" if ascending else "$lt"
    others = {name: value for name, value in query.items() if name != field}
    few = {"label": others.pop("label")} if others.get("label") is not None else {}
    near, far = _bounds(query.get(field, {}), ascending)
    if after is not None:
        if field != "_id":
            yield few | {field: after[0], "_id": {beyond: after[1]}} | others
        near = {beyond: after[0]}
    end = next(iter(far.values()), None)
    for edge in _edges(field, ascending, next(iter(near.values()), None)):
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


def _edges(field: str, ascending: bool, start: Any) -> Iterator[Any]:
    """Where the stretches end; none where nobody knows where the first begins."""
    if field == "_id":
        yield from _ids(start)
        return
    if start is None and field == "created_at":
        if ascending:
            return
        start = time.time()
    at = float(start if start is not None else not ascending)
    for step in range(STEPS):
        at += FIRST[field] * GROWTH**step * (1 if ascending else -1)
        yield at


def _ids(start: str | None) -> Iterator[str]:
    """Ids are drawn at random, so a stretch of them holds about its share of all results."""
    found = RESULT_ID.fullmatch(start or "")
    at = int(found[1], 16) if found else ALL_IDS
    for step in (14, 12, 10, 8, 6, 4, 2):
        at += ALL_IDS >> step
        if at < ALL_IDS:
            yield f"res_{at:032x}"
