"""One SQS queue and the dead-letter queue that it names."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from service.cloud.aws.failures import failures_told
from service.cloud.aws.session import Cloud
from service.cloud.sqs.message import Delivery
from service.errors import CloudError, FacegateError, StartupError

LONGEST = 43200  # seconds that SQS may hide a message
PATIENCE = 5  # deliveries, where the queue itself sets no limit


@dataclass(frozen=True)
class QueueFacts:
    """What `--validate-queue` shows. `dead_letter_url` None: poison stays in the queue."""

    url: str
    waiting: int
    in_flight: int
    dead_letter_url: str | None
    max_receives: int


class Queue:
    """Safe for threads. Every method raises CloudError."""

    def __init__(self, cloud: Cloud, url: str, visibility: int) -> None:
        self.url = url
        self.visibility = visibility
        self._client = cloud.client("sqs")
        self.facts = self._facts()

    def receive(self, most: int, wait: int) -> list[Delivery]:
        """Up to ten messages; waits `wait` seconds for the first one."""
        with failures_told():
            answer = self._client.receive_message(
                QueueUrl=self.url,
                MaxNumberOfMessages=min(most, 10),
                WaitTimeSeconds=wait,
                VisibilityTimeout=self.visibility,
                MessageSystemAttributeNames=["ApproximateReceiveCount"],
            )
        return [_delivery(one) for one in answer.get("Messages", ())]

    def change_visibility(self, delivery: Delivery, seconds: float) -> None:
        """Keep it from other consumers for so long from now on; 0 gives it back at once."""
        with failures_told():
            self._client.change_message_visibility(
                QueueUrl=self.url,
                ReceiptHandle=delivery.receipt,
                VisibilityTimeout=min(int(seconds), LONGEST),
            )

    def delete(self, delivery: Delivery) -> None:
        with failures_told():
            self._client.delete_message(QueueUrl=self.url, ReceiptHandle=delivery.receipt)

    def dead_letter(self, delivery: Delivery, why: FacegateError) -> bool:
        """Move it to the dead-letter queue with the reason; False when there is none."""
        if self.facts.dead_letter_url is None:
            return False
        reason = {"Reason": why.code, "ReasonText": why.sentence, "OriginalMessageId": delivery.id}
        with failures_told():
            self._client.send_message(
                QueueUrl=self.facts.dead_letter_url,
                MessageBody=delivery.body,
                MessageAttributes={
                    name: {"DataType": "String", "StringValue": value}
                    for name, value in reason.items()
                },
                **self._fifo(delivery),
            )
        self.delete(delivery)
        return True

    def send(self, body: dict[str, Any]) -> str:
        """Put a message in; its id."""
        with failures_told():
            answer = self._client.send_message(QueueUrl=self.url, MessageBody=json.dumps(body))
        return str(answer["MessageId"])

    def _fifo(self, delivery: Delivery) -> dict[str, str]:
        if not (self.facts.dead_letter_url or "").endswith(".fifo"):
            return {}
        return {"MessageGroupId": delivery.id, "MessageDeduplicationId": delivery.id}

    def _facts(self) -> QueueFacts:
        try:
            with failures_told():
                answer = self._client.get_queue_attributes(
                    QueueUrl=self.url, AttributeNames=["All"]
                )
        except CloudError as error:
            raise StartupError(
                f"The queue cannot be used: {error.sentence}",
                "Check --queue-url; `facegate aws check` tells what these credentials may do.",
            ) from None
        found = answer["Attributes"]
        policy = json.loads(found.get("RedrivePolicy") or "{}")
        return QueueFacts(
            url=self.url,
            waiting=int(found.get("ApproximateNumberOfMessages", 0)),
            in_flight=int(found.get("ApproximateNumberOfMessagesNotVisible", 0)),
            dead_letter_url=self._dead_letter(policy.get("deadLetterTargetArn")),
            max_receives=int(policy.get("maxReceiveCount", PATIENCE)),
        )

    def _dead_letter(self, arn: str | None) -> str | None:
        if arn is None:
            return None
        account, name = arn.split(":")[-2:]
        with failures_told():
            answer = self._client.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)
        return str(answer["QueueUrl"])


def _delivery(message: dict[str, Any]) -> Delivery:
    return Delivery(
        id=message["MessageId"],
        receipt=message["ReceiptHandle"],
        body=message["Body"],
        received=int(message.get("Attributes", {}).get("ApproximateReceiveCount", 1)),
    )
