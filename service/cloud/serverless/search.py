"""The console's view of the Lambda function's table and bucket: the same questions as to a store.

An item becomes a result whose `analysis` holds what the item tells, and the item itself. The table
has no index for such questions, so the newest MOST items that a scan gives are looked through, and
remembered for a few seconds.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import orjson

from service.cloud.aws.failures import failures_told
from service.cloud.aws.session import Cloud
from service.cloud.serverless.detections import Detections
from service.errors import CloudError, StoreUnavailable
from service.settings import Settings
from service.store.base import StoredResult
from service.store.search import ORDERS, After, Filter, Label, Point, Sort, sorted_by

MOST = 50_000  # items
FRESH = 15.0  # seconds
REVIEWED, GONE = "review_label", "image_deleted"  # our own attributes of an item
FAR = 4e9
T = TypeVar("T")


class DetectionSearch:
    """See `Search`. Raises StoreUnavailable for whatever AWS refuses."""

    def __init__(self, settings: Settings, cloud: Cloud | None = None) -> None:
        self._settings, self._cloud = settings, cloud
        self._lock = threading.Lock()
        self._seen: tuple[float, list[StoredResult]] = (-FRESH, [])

    def search_results(
        self, wanted: Filter, sort: Sort, limit: int, after: After | None = None
    ) -> list[StoredResult]:
        _, ascending = ORDERS[sort]
        found = [one for one in self._all() if _fits(one, wanted)]
        found.sort(key=lambda one: sorted_by(one, sort), reverse=not ascending)
        if after is not None:
            found = [one for one in found if _beyond(sorted_by(one, sort), after, ascending)]
        return found[:limit]

    def result_points(self, wanted: Filter, limit: int) -> list[Point]:
        return [_point(one) for one in self.search_results(wanted, "newest", limit)]

    def find_by_id(self, result_id: str) -> StoredResult | None:
        item = self._told(lambda: self._table().get(result_id))
        return None if item is None else _result(item, self._image(item))

    def image_sizes(self, ids: Sequence[str]) -> dict[str, int]:
        known = {one.id: one.analysis["item"] for one in self._all() if one.image is not None}
        found = ((one, self._size(known[one])) for one in ids if one in known)
        return {one: size for one, size in found if size is not None}

    def label_result(self, result_id: str, label: Label | None) -> bool:
        return self._change(result_id, REVIEWED, label or "")

    def drop_image(self, result_id: str) -> bool:
        found = self._told(lambda: self._table().get(result_id))
        if found is None or found.get(GONE):
            return False
        key = {"Bucket": self._bucket(), "Key": found["s3_key"]}
        self._told(lambda: self._client().delete_object(**key))
        return self._change(result_id, GONE, "yes")

    def _change(self, result_id: str, name: str, value: str) -> bool:
        self._seen = (-FRESH, [])
        return self._told(lambda: self._table().note(result_id, name, value))

    def _all(self) -> list[StoredResult]:
        with self._lock:
            at, known = self._seen
            if time.monotonic() - at > FRESH:
                items = self._told(lambda: list(self._table().all(MOST)))
                known = [_result(one, None if one.get(GONE) else b"") for one in items]
                self._seen = (time.monotonic(), known)
            return known

    def _image(self, item: dict[str, Any]) -> bytes | None:
        """None of one that is not there any more."""
        if item.get(GONE):
            return None
        try:
            with failures_told():
                answer = self._client().get_object(Bucket=self._bucket(), Key=item["s3_key"])
                data: bytes = answer["Body"].read(self._settings.max_body_bytes)
        except CloudError:
            return None
        return data

    def _size(self, item: dict[str, Any]) -> int | None:
        try:
            with failures_told():
                answer = self._client().head_object(Bucket=self._bucket(), Key=item["s3_key"])
        except CloudError:
            return None
        return int(answer["ContentLength"])

    def _told(self, call: Callable[[], T]) -> T:
        try:
            with failures_told():
                return call()
        except CloudError as error:
            raise StoreUnavailable(error.sentence) from error

    def _table(self) -> Detections:
        settings = self._settings
        return Detections(self._aws(), settings.detections_table, settings.detection_ttl)

    def _client(self) -> Any:
        return self._aws().client("s3")

    def _aws(self) -> Cloud:
        """Made in the worker that uses it, after the fork."""
        self._cloud = self._cloud or Cloud()
        return self._cloud

    def _bucket(self) -> str:
        return self._settings.upload_bucket or ""


def _result(item: dict[str, Any], image: bytes | None) -> StoredResult:
    confidence, fake = float(item["confidence"]), item["label"] == "fake"
    score = confidence if fake else 1 - confidence
    plain = orjson.loads(orjson.dumps(item, default=str))
    return StoredResult(
        id=str(item["uuid"]),
        licence="operator",
        sha256="",
        fingerprint=f"{item.get('model_used', '')} {item.get('model_version', '')}".strip(),
        created_at=_moment(str(item["timestamp"])),
        expires_at=float(item.get("expires_at", FAR)),
        analysis={
            **{"kind": "image", "decision": "deepfake" if fake else "bona_fide", "score": score},
            **{"probability": score, "reasons": [], "item": plain},
        },
        image=image,
        contract=str(item.get("source_type", "")),
        label=str(item.get(REVIEWED) or "") or None,
    )


def _moment(text: str) -> float:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return 0.0


def _fits(one: StoredResult, wanted: Filter) -> bool:
    found, w = one.analysis, wanted
    labelled = {None: True, "any": one.label is not None, "none": one.label is None}
    return (
        (w.since is None or one.created_at >= w.since)
        and (w.until is None or one.created_at < w.until)
        and w.decision in (None, found["decision"])
        and (w.least is None or found["score"] >= w.least)
        and (w.most is None or found["score"] <= w.most)
        and w.licence in (None, one.licence)
        and w.contract in (None, one.contract)
        and labelled.get(w.label, one.label == w.label)
        and w.reason is None
        and not w.warned
        and (w.image is None or w.image == (one.image is not None))
    )


def _beyond(place: After, after: After, ascending: bool) -> bool:
    return place > tuple(after) if ascending else place < tuple(after)


def _point(one: StoredResult) -> Point:
    found = one.analysis
    return Point(
        *(one.id, one.created_at, found["decision"], found["score"], found["probability"]),
        *(one.fingerprint, one.label, None),
    )
