"""What a message asks for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from service.cloud.sqs.message import Delivery, QueuedMedium, jobs_of
from service.errors import BadMessage

QUEUE = "https://sqs/queue"


def jobs(body: Any, identity: str = "m-1") -> list[QueuedMedium]:
    text = body if isinstance(body, str) else json.dumps(body)
    return jobs_of(Delivery(identity, "receipt", text), QUEUE, "https://example.com/uploads")


def upload(key: str, event: str = "ObjectCreated:Put") -> dict[str, Any]:
    where = {"bucket": {"name": "selfies"}, "object": {"key": key}}
    return {"eventName": event, "awsRegion": "eu-central-1", "s3": where}


def test_an_upload_by_way_of_sns() -> None:
    (job,) = jobs({"Type": "Notification", "Message": json.dumps({"Records": [upload("a%2Bb")]})})
    assert (job.asked.url, job.callback_url) == (
        "s3://selfies/a+b",
        "https://example.com/uploads",
    )


def test_each_record_is_a_job_of_its_own() -> None:
    found = jobs({"Records": [upload("a"), upload("b"), upload("c", "ObjectRemoved:Delete")]})
    assert [job.asked.url for job in found] == ["s3://selfies/a", "s3://selfies/b"]
    assert len({job.key for job in found}) == 2
    assert len({job.asked.request_id for job in found}) == 2


def test_a_notice_that_asks_nothing() -> None:
    assert jobs({"Service": "Amazon S3", "Event": "s3:TestEvent"}) == []


def test_a_redelivery_has_the_same_key_and_another_message_has_not() -> None:
    body = {"sqs_to_ml_url": "s3://selfies/a"}
    assert jobs(body)[0].key == jobs(body)[0].key
    assert jobs(body)[0].key != jobs(body, "m-2")[0].key


def test_only_a_named_request_can_be_a_repetition() -> None:
    body = {"sqs_to_ml_url": "s3://selfies/a"}
    assert jobs(body)[0].repeat_key("sha") is None
    named = [jobs(body | {"request_id": "r"}, one)[0] for one in ("m-1", "m-2")]
    assert named[0].repeat_key("sha") == named[1].repeat_key("sha")
    assert named[0].repeat_key("sha") != named[0].repeat_key("other content")


def test_a_sentence_names_the_field_and_never_its_value() -> None:
    with pytest.raises(BadMessage, match="confidence_threshold") as error:
        jobs({"sqs_to_ml_url": "s3://selfies/a", "confidence_threshold": "secret"})
    assert "secret" not in error.value.sentence


def test_a_deeply_nested_message_is_poison() -> None:
    with pytest.raises(BadMessage):
        jobs("[" * 100_000)
