"""Queues with a dead-letter queue, and consumers that run in this process."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.cloud.aws.session import Cloud
from service.cloud.consumer import Consumer, ConsumerOptions
from service.cloud.predictor import Predictor
from service.cloud.sqs.callback import Callback
from service.cloud.sqs.journal import Journal
from service.cloud.sqs.queue import Queue
from service.cloud.sqs.work import MessageWorker
from service.judging.judge import Judge
from service.judging.loader import Loader
from service.runtime.limits.concurrency import ConcurrencyLimit
from service.settings import Settings
from service.store import open_store
from service.store.base import Store
from service.store.metered import StoreObserver
from tests.aws import Aws


@dataclass(frozen=True)
class Letters:
    """A queue and its dead-letter queue."""

    sqs: Any
    url: str
    dead_url: str

    def send(self, body: Any) -> str:
        text = body if isinstance(body, str) else json.dumps(body)
        return str(self.sqs.send_message(QueueUrl=self.url, MessageBody=text)["MessageId"])

    def left(self) -> int:
        """Messages that are neither deleted nor moved, hidden ones included.

        The server counts visible and hidden ones one after the other: a message whose time-out
        ends in between is in neither count, so we look twice.
        """
        return max(self._count(), self._count())

    def _count(self) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)
        return sum(int(value) for value in found["Attributes"].values())

    def dead(self) -> list[tuple[str, str]]:
        """Reason and body of each dead message."""
        found = self.sqs.receive_message(
            QueueUrl=self.dead_url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        )
        return [
            (one["MessageAttributes"]["Reason"]["StringValue"], one["Body"])
            for one in found.get("Messages", ())
        ]


def make_queue(aws: Aws, name: str, receives: int = 5) -> Letters:
    sqs = aws.client("sqs")
    dead = sqs.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]
    policy = {"deadLetterTargetArn": arn["QueueArn"], "maxReceiveCount": receives}
    attributes = {"RedrivePolicy": json.dumps(policy)}
    url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    return Letters(sqs, through(aws, url), through(aws, dead))


def through(aws: Aws, url: str) -> str:
    """A queue's address by way of the door."""
    return aws.url + "/" + url.split("/", 3)[3]


OPENED: list[Store] = []  # by consumers; closed after each test


def close_stores() -> None:
    """A store that nobody closes goes on watching its server, in threads of its own."""
    while OPENED:
        OPENED.pop().close()


def make_consumer(
    folder: Path, loader: Loader, cloud: Cloud, letters: Letters, **more: Any
) -> Consumer:
    """Made as `Consumer.load` makes it, on models that tests share; `more` are settings."""
    usual = {"store": "sqlite", "allow_private_callbacks": True, "callback_attempts": 2}
    settings = Settings(data_dir=folder, **usual | more)
    options = ConsumerOptions(letters.url, wait_time=0, visibility_timeout=30)
    queue = Queue(cloud, letters.url, options.visibility_timeout)
    store = open_store(settings, StoreObserver())
    OPENED.append(store)
    journal = Journal(settings, store)
    limit = ConcurrencyLimit(settings.slots, 100, 60)
    predictor = Predictor(settings, Judge(settings, loader, store, limit), cloud)
    stop = threading.Event()
    worker = MessageWorker(predictor, journal, Callback(settings, stop))
    return Consumer(options, queue, worker, stop)
