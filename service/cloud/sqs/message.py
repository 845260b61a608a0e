"""What a queue's message asks for: the contract's own form, or S3's notice of an upload."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

import orjson
from pydantic import BaseModel, Field, ValidationError

from service.cloud.result import LINE, Asked
from service.errors import BadMessage
from service.media.address import Address, parse

BOM = "\ufeff"  # before the JSON of some Windows programs


@dataclass(frozen=True)
class Delivery:
    """One message as the queue gave it; `received` counts how often it did."""

    id: str
    receipt: str
    body: str
    received: int = 1


@dataclass(frozen=True)
class QueuedMedium:
    """One medium to judge. `key` is the same for every delivery of the same message."""

    key: str
    asked: Asked
    callback_url: str | None
    named: bool  # whether the sender gave a request_id
    mistake: BadMessage | None = None  # what its sender has to be told instead of a judgement

    def repeat_key(self, sha256: str) -> str | None:
        """The same for another message that asks the same of the same content."""
        if not self.named:
            return None
        return digest("repeat", self.asked.request_id, self.asked.url, self.callback_url, sha256)


class Message(BaseModel):
    """The contract's form; what else a message holds is left alone."""

    sqs_to_ml_url: str = Field(min_length=1)
    callback_url: str | None = None
    request_id: str | None = Field(None, min_length=1, max_length=256)
    confidence_threshold: float = Field(LINE, ge=0, le=1)
    metadata: dict[str, Any] = Field(default_factory=dict)


def jobs_of(
    delivery: Delivery, queue_url: str, callback_url: str | None = None
) -> list[QueuedMedium]:
    """The jobs of one message; none for a notice that asks nothing.

    `callback_url` is for uploads, which name none. Raises BadMessage where nobody can be told.
    """
    body = _object(delivery.body)
    if body.get("Type") == "Notification" and "Message" in body:  # S3 -> SNS -> SQS
        body = _object(body["Message"])
    if body.get("Event") == "s3:TestEvent":
        return []
    if "Records" in body:
        uploads = enumerate(_uploads(body["Records"]))
        return [_upload(delivery, queue_url, callback_url, n, one) for n, one in uploads]
    try:
        return [_job(delivery, queue_url, body)]
    except BadMessage as mistake:
        return [_refused(delivery, queue_url, body, mistake)]


def digest(*parts: object) -> str:
    """A fixed name for these parts."""
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()


def _object(text: object) -> dict[str, Any]:
    try:
        # Stricter than `json`: what it reads can be stored and posted again.
        body = orjson.loads(text.removeprefix(BOM)) if isinstance(text, str) else None
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict):
        raise BadMessage("The message is not a JSON object.")
    return body


def _job(delivery: Delivery, queue_url: str, body: dict[str, Any]) -> QueuedMedium:
    try:
        message = Message.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_context=False)[0]
        raise BadMessage(f"The message's {first['loc'][0]} is wrong: {first['msg']}.") from None
    address = parse(message.sqs_to_ml_url)
    if address is None and not _is_web(message.sqs_to_ml_url):
        raise BadMessage("The message's sqs_to_ml_url is neither an S3 nor a web address.")
    if address is not None and address.is_prefix:
        raise BadMessage("The message's sqs_to_ml_url names a bucket or a folder, not an object.")
    asked = Asked(
        request_id=message.request_id or delivery.id,
        url=message.sqs_to_ml_url,
        threshold=message.confidence_threshold,
        metadata=message.metadata,
        queue_url=queue_url,
        message=body,
    )
    key = digest("message", queue_url, delivery.id, 0)
    return QueuedMedium(key, asked, message.callback_url or None, message.request_id is not None)


def _refused(
    delivery: Delivery, queue_url: str, body: dict[str, Any], mistake: BadMessage
) -> QueuedMedium:
    """A job that only tells the sender of the mistake. Raises it where no callback is named."""
    callback_url, url, named = (
        body.get(n) for n in ("callback_url", "sqs_to_ml_url", "request_id")
    )
    if not isinstance(callback_url, str) or not callback_url:
        raise mistake
    asked = Asked(
        request_id=named if isinstance(named, str) and named else delivery.id,
        url=url if isinstance(url, str) else "",
        queue_url=queue_url,
        message=body,
    )
    key = digest("message", queue_url, delivery.id, 0)
    return QueuedMedium(key, asked, callback_url, named=False, mistake=mistake)


def _is_web(url: str) -> bool:
    """A path would let a sender read this machine's files."""
    return url.lower().startswith(("http://", "https://"))


def _uploads(records: Any) -> Iterator[tuple[Address, dict[str, Any]]]:
    try:
        for record in records:
            if str(record["eventName"]).removeprefix("s3:").startswith("ObjectCreated:"):
                bucket, key = record["s3"]["bucket"]["name"], record["s3"]["object"]["key"]
                yield Address(bucket, unquote_plus(key), record.get("awsRegion")), record
    except (KeyError, TypeError, AttributeError):
        raise BadMessage("The message's Records are not those of an S3 event.") from None


def _upload(
    delivery: Delivery,
    queue_url: str,
    callback_url: str | None,
    number: int,
    upload: tuple[Address, dict[str, Any]],
) -> QueuedMedium:
    address, record = upload
    asked = Asked(
        request_id=f"{delivery.id}-{number}",
        url=str(address),
        queue_url=queue_url,
        message=record,
    )
    return QueuedMedium(
        digest("message", queue_url, delivery.id, number), asked, callback_url, False
    )
