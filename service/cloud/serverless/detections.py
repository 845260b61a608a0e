"""The table `DeepfakeDetections` in DynamoDB: what was found, and what is to be looked at again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from service.cloud.aws.failures import failures_told
from service.cloud.aws.session import Cloud
from service.cloud.serverless.endpoint import EndpointLabel
from service.errors import ConditionFailed

PENDING, DONE, FAILED = "pending", "done", "failed"
INDEX = "recheck_status-index"


@dataclass(frozen=True)
class UploadDetection:
    """One judged upload."""

    uuid: str
    s3_key: str
    verdict: EndpointLabel
    source_type: str


class Detections:
    """The table of judged uploads. Safe for threads. Every method raises CloudError."""

    def __init__(self, cloud: Cloud, table: str, ttl: float) -> None:
        self._client = cloud.client("dynamodb")
        self._table = table
        self._ttl = ttl

    def add(self, detection: UploadDetection) -> None:
        """Record it; an item of the same uuid is never overwritten."""
        verdict = detection.verdict
        item = {
            "uuid": detection.uuid,
            "s3_key": detection.s3_key,
            "label": verdict.label,
            "confidence": decimal(verdict.confidence),
            "timestamp": now(),
            "source_type": detection.source_type,
            "model_used": verdict.model_used,
            "model_version": verdict.model_version,
            "recheck_status": PENDING,
            "expires_at": int(time.time() + self._ttl),
        }
        with failures_told():
            self._client.put_item(
                TableName=self._table,
                Item=_encoded(item),
                ConditionExpression="attribute_not_exists(#uuid)",
                ExpressionAttributeNames={"#uuid": "uuid"},
            )

    def pending(self) -> Iterator[dict[str, Any]]:
        """Every item that is to be looked at again."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            IndexName=INDEX,
            KeyConditionExpression="recheck_status = :pending",
            ExpressionAttributeValues={":pending": {"S": PENDING}},
        )
        with failures_told():
            for page in pages:
                for item in page["Items"]:
                    yield {name: TypeDeserializer().deserialize(v) for name, v in item.items()}

    def all(self, limit: int) -> Iterator[dict[str, Any]]:
        """Items in no order, at most so many."""
        pages = self._client.get_paginator("scan").paginate(
            TableName=self._table, PaginationConfig={"MaxItems": limit}
        )
        with failures_told():
            for page in pages:
                for item in page["Items"]:
                    yield {name: TypeDeserializer().deserialize(v) for name, v in item.items()}

    def get(self, uuid: str) -> dict[str, Any] | None:
        """One item."""
        with failures_told():
            answer = self._client.get_item(TableName=self._table, Key=_encoded({"uuid": uuid}))
        found = answer.get("Item")
        return {n: TypeDeserializer().deserialize(v) for n, v in found.items()} if found else None

    def note(self, uuid: str, name: str, value: str) -> bool:
        """Write one attribute of an item; False when it has gone."""
        try:
            with failures_told():
                self._client.update_item(
                    TableName=self._table,
                    Key=_encoded({"uuid": uuid}),
                    UpdateExpression="SET #name = :value",
                    ConditionExpression="attribute_exists(#uuid)",
                    ExpressionAttributeNames={"#name": name, "#uuid": "uuid"},
                    ExpressionAttributeValues=_encoded({":value": value}),
                )
        except ConditionFailed:
            return False
        return True

    def settle(self, uuid: str, changes: dict[str, Any]) -> bool:
        """Write what a recheck found; False when another one was faster or the item has gone."""
        names = {f"#{n}": name for n, name in enumerate(changes)}
        values = {f":{n}": value for n, value in enumerate(changes.values())}
        sets = ", ".join(f"#{n} = :{n}" for n in range(len(changes)))
        try:
            with failures_told():
                self._client.update_item(
                    TableName=self._table,
                    Key=_encoded({"uuid": uuid}),
                    UpdateExpression=f"SET {sets}",
                    ConditionExpression="#status = :pending",
                    ExpressionAttributeNames=names | {"#status": "recheck_status"},
                    ExpressionAttributeValues=_encoded(values | {":pending": PENDING}),
                )
        except ConditionFailed:
            return False
        return True


def decimal(value: float) -> Decimal:
    """DynamoDB knows no floats."""
    return Decimal(str(round(value, 6)))


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _encoded(item: dict[str, Any]) -> dict[str, Any]:
    return {name: TypeSerializer().serialize(value) for name, value in item.items()}
