"""Looking through results in MongoDB."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.database import Database
from pymongo.errors import PyMongoError

from service.errors import StoreTooSlow, StoreUnavailable
from service.store.base import StoredResult
from service.store.mongo.windows import ALL_IDS, parts, result_id
from service.store.search import ORDERS, PATIENCE, After, Filter, Label, Point, Sort

Document = dict[str, Any]
Documents = list[Document]
Order = list[tuple[str, int]]
Finder = Callable[[Database[Document]], Iterable[Document]]
WITH_IMAGE = {"$gt": b""}  # of binary data alone; not every server takes an index by `$type`
INDEXES = [
    IndexModel([("created_at", DESCENDING), ("_id", DESCENDING)]),
    IndexModel([("analysis.score", DESCENDING), ("_id", DESCENDING)]),
    IndexModel([("analysis.decision", ASCENDING), ("created_at", DESCENDING)]),
    IndexModel(
        [("analysis.decision", ASCENDING), ("analysis.score", DESCENDING), ("_id", DESCENDING)]
    ),
    IndexModel([("analysis.reasons", ASCENDING), ("created_at", DESCENDING), ("_id", DESCENDING)]),
    IndexModel([("label", ASCENDING), ("created_at", DESCENDING)]),
    IndexModel([("label", ASCENDING), ("_id", ASCENDING)]),  # a sample of what nobody reviewed
    IndexModel([("contract", ASCENDING), ("created_at", DESCENDING), ("_id", DESCENDING)]),
    IndexModel(
        [("created_at", DESCENDING)],
        name="with_image",
        partialFilterExpression={"image": WITH_IMAGE},
    ),
]
SPARE = 50  # more than asked for, in the place of those that expired
SAMPLED = {"label": None, "_id": {"$gte": result_id(0), "$lt": result_id(ALL_IDS >> 8)}}
SAMPLE = 1000
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
REASONS, ADVISORY = "analysis.reasons.0", {"$elemMatch": {"advisory": True, "decision": "attack"}}
WARNED: Documents = [{REASONS: {"$exists": True}}, {"analysis.findings": ADVISORY}]
NOT_WARNED = {REASONS: {"$exists": False}, "analysis.findings": {"$not": ADVISORY}}
POINT = {
    **dict.fromkeys(("created_at", "expires_at", "fingerprint", "label"), True),
    **{f"analysis.{one}": True for one in ("decision", "score", "probability", "timings.total")},
}
BY_LABEL: dict[str, Document | None] = {"any": {"$gt": ""}, "none": None}


class MongoSearch:
    """See `Search`."""

    def _calls(self, seconds: float | None = None) -> AbstractContextManager[Database[Document]]:
        raise NotImplementedError

    def search_results(
        self, wanted: Filter, sort: Sort, limit: int, after: After | None = None
    ) -> list[StoredResult]:
        found = self._look(_to_result, _found(wanted, sort, {"image": False}, limit, after))
        # Of an image only whether there is one: it may have megabytes.
        kept = self.image_sizes([one["_id"] for one in found])
        return [_to_result(one, b"" if one["_id"] in kept else None) for one in found]

    def result_points(self, wanted: Filter, limit: int) -> list[Point]:
        found = self._look(_to_point, _found(wanted, "newest", POINT, limit))
        return [_to_point(one) for one in found]

    def _look(self, shown: Callable[[Document], object], found: Finder) -> Documents:
        """Raises StoreTooSlow with what was found before the patience ended."""
        seen: Documents = []
        try:
            with self._calls(PATIENCE) as db:
                seen.extend(found(db))
        except StoreUnavailable as error:
            if isinstance(error.__cause__, PyMongoError) and error.__cause__.timeout:
                raise StoreTooSlow([shown(one) for one in seen]) from error
            raise
        return seen

    def find_by_id(self, result_id: str) -> StoredResult | None:
        with self._calls(PATIENCE) as db:
            query = {"_id": result_id, "expires_at": {"$gt": time.time()}}
            found = db.results.find_one(query)
        return _to_result(found, found.pop("image", None)) if found else None

    def image_sizes(self, ids: Sequence[str]) -> dict[str, int]:
        asked = {"_id": {"$in": list(ids)}, "image": WITH_IMAGE}
        fields = {"size": {"$binarySize": "$image"}}
        found = self._look(dict, lambda db: db.results.find(asked, fields)) if ids else []
        return {one["_id"]: one["size"] for one in found}

    def label_result(self, result_id: str, label: Label | None) -> bool:
        query = {"_id": result_id, "expires_at": {"$gt": time.time()}}
        with self._calls() as db:
            return db.results.update_one(query, {"$set": {"label": label}}).matched_count == 1

    def drop_image(self, result_id: str) -> bool:
        query = {"_id": result_id, "image": {"$ne": None}}
        with self._calls() as db:
            return db.results.update_one(query, {"$set": {"image": None}}).matched_count == 1


def _query(wanted: Filter) -> Document:
    """Without `$and` and `$or`: not every server takes an index for what stands below them."""
    query: Document = {}
    for name, field in EQUAL.items():
        if (value := getattr(wanted, name)) is not None:
            query[field] = value
    for field, how, name in BOUNDS:
        if (value := getattr(wanted, name)) is not None:
            query.setdefault(field, {})[how] = value
    if wanted.label is not None:
        query["label"] = BY_LABEL.get(wanted.label, wanted.label)
    if wanted.warned is False:
        query |= NOT_WARNED
    if wanted.image is not None:
        query["image"] = WITH_IMAGE if wanted.image else None
    return query


def _found(
    wanted: Filter, sort: Sort, fields: Document, limit: int, after: After | None = None
) -> Finder:
    """Of every part in turn, until there are enough."""
    name, ascending = ORDERS[sort]
    field, way = NAMES.get(name, name), ASCENDING if ascending else DESCENDING
    order = [("_id", way)] if field == "_id" else [(field, way), ("_id", way)]

    def find(db: Database[Document]) -> Iterator[Document]:
        left, query = limit, _query(wanted)
        unknown = field == "created_at" and ascending and after is None and wanted.since is None
        early = _early(db) if unknown else None
        for part in parts(query, field, ascending, after, early):
            asked = [part | one for one in WARNED] if wanted.warned else [part]
            some = _merged([_alive(db, one, fields, order, left) for one in asked], field, way)
            yield from some[:left]
            left -= len(some[:left])
            if left <= 0:
                return

    return find


def _early(db: Database[Document]) -> float | None:
    """A moment that few results are older than; ids are random, so some of them are a sample."""
    some = db.results.find(SAMPLED, {"created_at": True}).limit(SAMPLE)
    return min((one["created_at"] for one in some), default=None)


def _merged(found: list[Documents], field: str, way: int) -> Documents:
    """Those of several queries, each once, in the order of the listing."""
    if len(found) == 1:
        return found[0]
    known = {one["_id"]: one for some in found for one in some}

    def place(one: Document) -> tuple[Any, str]:
        return (_value(one, field), one["_id"])

    return sorted(known.values(), key=place, reverse=way == DESCENDING)


def _value(document: Document, field: str) -> Any:
    for name in field.split("."):
        document = document[name]
    return document


def _alive(
    db: Database[Document], query: Document, fields: Document, order: Order, limit: int
) -> Documents:
    """What expired and is not purged yet is passed over here: no index serves two ranges."""
    now, step, seen = time.time(), limit + SPARE, 0
    alive: Documents = []
    while len(alive) < limit:
        some = list(db.results.find(query, fields).sort(order).skip(seen).limit(step))
        alive += [one for one in some if one["expires_at"] > now]
        seen += len(some)
        if len(some) < step:
            break
    return alive[:limit]


def _to_result(document: Document, image: bytes | None = None) -> StoredResult:
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
