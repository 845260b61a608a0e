"""Looking through results in MongoDB."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.database import Database

from service.store.base import StoredResult
from service.store.search import ORDERS, After, Filter, Label, Point, Sort

Document = dict[str, Any]
INDEXES = [
    IndexModel([("created_at", DESCENDING), ("_id", DESCENDING)]),
    IndexModel([("analysis.score", DESCENDING), ("_id", DESCENDING)]),
    IndexModel([("analysis.decision", ASCENDING), ("created_at", DESCENDING)]),
    IndexModel([("label", ASCENDING), ("created_at", DESCENDING)]),
]
HOUR = 3600.0
WINDOWS = (HOUR, 24 * HOUR)
SPARE = 50  # more than asked for, in the place of those that expired
Order = list[tuple[str, int]]
PATIENCE = 5.0  # seconds: a person waits longer than a request for judgement may
NAMES = {"score": "analysis.score", "id": "_id"}
EQUAL = {
    "decision": "analysis.decision",
    "reason": "analysis.reasons",
    "licence": "licence",
    "contract": "contract",
}
BOUNDS = (
    *(("created_at", "$gte", "since"), ("created_at", "$lt", "until")),
    *(("analysis.score", "$gte", "least"), ("analysis.score", "$lte", "most")),
)
WARNED = [
    {"analysis.reasons.0": {"$exists": True}},
    {"analysis.findings": {"$elemMatch": {"advisory": True, "decision": "attack"}}},
]
POINT = {
    **dict.fromkeys(("created_at", "expires_at", "fingerprint", "label"), True),
    **{f"analysis.{one}": True for one in ("decision", "score", "probability", "timings.total")},
}
BY_LABEL: dict[str, Document] = {"any": {"$gt": ""}, "none": {"$in": [None]}}


class MongoSearch:
    """See `Search`."""

    def _calls(self, seconds: float | None = None) -> AbstractContextManager[Database[Document]]:
        raise NotImplementedError

    def search_results(
        self, wanted: Filter, sort: Sort, limit: int, after: After | None = None
    ) -> list[StoredResult]:
        name, ascending = ORDERS[sort]
        name = NAMES.get(name, name)
        way = ASCENDING if ascending else DESCENDING
        order = [("_id", way)] if name == "_id" else [(name, way), ("_id", way)]
        query = _query(wanted) | ({} if after is None else _after(name, ascending, after))
        with self._calls(PATIENCE) as db:
            found: list[Document] = []
            for window in _windows(query, sort, after):
                found = _alive(db, window, {"image": False}, order, limit)
                if len(found) == limit:
                    break
            # Of an image only whether there is one: it may have megabytes.
            kept = _with_image(db, [one["_id"] for one in found])
        return [_to_result(one, b"" if one["_id"] in kept else None) for one in found]

    def result_points(self, wanted: Filter, limit: int) -> list[Point]:
        query = _query(wanted)
        order = [("created_at", DESCENDING), ("_id", DESCENDING)]
        with self._calls(PATIENCE) as db:
            found = _alive(db, query, POINT, order, limit)
        return [_to_point(one) for one in found if "decision" in one.get("analysis", {})]

    def find_by_id(self, result_id: str) -> StoredResult | None:
        with self._calls(PATIENCE) as db:
            query = {"_id": result_id, "expires_at": {"$gt": time.time()}}
            found = db.results.find_one(query)
        return _to_result(found, found.pop("image", None)) if found else None

    def label_result(self, result_id: str, label: Label | None) -> bool:
        query = {"_id": result_id, "expires_at": {"$gt": time.time()}}
        with self._calls() as db:
            return db.results.update_one(query, {"$set": {"label": label}}).matched_count == 1

    def drop_image(self, result_id: str) -> bool:
        query = {"_id": result_id, "image": {"$ne": None}}
        with self._calls() as db:
            return db.results.update_one(query, {"$set": {"image": None}}).matched_count == 1


def _query(wanted: Filter) -> Document:
    """Without `$and`, for not every server takes an index for what stands below it."""
    query: Document = {}
    for name, field in EQUAL.items():
        if (value := getattr(wanted, name)) is not None:
            query[field] = value
    for field, how, name in BOUNDS:
        if (value := getattr(wanted, name)) is not None:
            query.setdefault(field, {})[how] = value
    if wanted.label is not None:
        query["label"] = BY_LABEL.get(wanted.label, wanted.label)
    if wanted.warned is not None:
        query["$or" if wanted.warned else "$nor"] = WARNED
    if wanted.image is not None:
        query["image"] = {"$ne" if wanted.image else "$eq": None}
    return query


def _after(name: str, ascending: bool, after: After) -> Document:
    beyond = "$gt" if ascending else "$lt"
    tie = {name: after[0], "_id": {beyond: after[1]}}
    if name == "_id":
        return {"_id": tie["_id"]}
    return {"$and": [{"$or": [{name: {beyond: after[0]}}, tie]}]}


def _windows(query: Document, sort: Sort, after: After | None) -> Iterator[Document]:
    """The newest are looked for in the last hour first, then in longer times: a server that does
    not take the order from an index has few to sort then."""
    if sort == "newest" and "created_at" not in query:
        newest = time.time() if after is None else float(after[0])
        for seconds in WINDOWS:
            yield query | {"created_at": {"$gte": newest - seconds, "$lte": newest + HOUR}}
    yield query


def _alive(
    db: Database[Document], query: Document, fields: Document, order: Order, limit: int
) -> list[Document]:
    """What expired and is not purged yet is passed over here: no index serves two ranges."""
    now = time.time()
    found = db.results.find(query, fields).sort(order).limit(limit + SPARE)
    return [one for one in found if one["expires_at"] > now][:limit]


def _with_image(db: Database[Document], ids: list[str]) -> set[str]:
    query = {"_id": {"$in": ids}, "image": {"$ne": None}}
    return {one["_id"] for one in db.results.find(query, {"_id": True})}


def _to_result(document: Document, image: bytes | None) -> StoredResult:
    known = {"licence", "sha256", "fingerprint", "created_at", "expires_at", "analysis"}
    fields = {name: document[name] for name in known}
    more = {"contract": document.get("contract", ""), "label": document.get("label")}
    return StoredResult(id=document["_id"], image=image, **fields | more)


def _to_point(document: Document) -> Point:
    analysis = document["analysis"]
    return Point(
        id=document["_id"],
        created_at=document["created_at"],
        decision=analysis["decision"],
        score=analysis["score"],
        probability=analysis.get("probability", analysis["score"]),
        fingerprint=document["fingerprint"],
        label=document.get("label"),
        milliseconds=(analysis.get("timings") or {}).get("total"),
    )
