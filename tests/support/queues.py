"""Queues of moto, polled as Lambda's event source mapping polls them."""

import json
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from commerce.runtime.aws import client
from tests.support.lambda_calls import Handler, bus_message, lambda_context


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue with its dead-letter queue."""

    url: str
    arn: str
    dead_letters_url: str
    receive_counts: list[int] = field(default_factory=list)

    def send(self, *envelopes: Mapping[str, Any]) -> None:
        """Send events of ours, as EventBridge does."""
        for envelope in envelopes:
            self.send_text(json.dumps(bus_message(envelope)))

    def send_text(self, body: str) -> None:
        """Send any body."""
        client("sqs").send_message(QueueUrl=self.url, MessageBody=body)

    def poll(self, handler: Handler) -> int:
        """Pass one batch to the handler and delete what did not fail; returns the batch's size."""
        messages = self._receive(self.url)
        if not messages:
            return 0
        answer = handler({"Records": [self._record(each) for each in messages]}, lambda_context())
        failed = {each["itemIdentifier"] for each in answer["batchItemFailures"]}
        for each in messages:
            if each["MessageId"] not in failed:
                client("sqs").delete_message(QueueUrl=self.url, ReceiptHandle=each["ReceiptHandle"])
        return len(messages)

    def dead_letters(self) -> list[Any]:
        """Return the bodies of its dead letters."""
        return [json.loads(each["Body"]) for each in self._receive(self.dead_letters_url)]

    def _record(self, message: Mapping[str, Any]) -> dict[str, Any]:
        self.receive_counts.append(int(message["Attributes"]["ApproximateReceiveCount"]))
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message["Attributes"],
            "messageAttributes": {},
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": self.arn,
            "awsRegion": "us-east-1",
        }

    @staticmethod
    def _receive(url: str) -> list[dict[str, Any]]:
        answer = client("sqs").receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"]
        )
        found: list[dict[str, Any]] = answer.get("Messages", [])
        return found


def a_queue(max_receive_count: int = 3) -> Queue:
    """Create a queue with a unique name."""
    sqs, name = client("sqs"), f"queue-{secrets.token_hex(6)}"
    dead_letters_url = sqs.create_queue(QueueName=f"{name}-dead-letters")["QueueUrl"]
    redrive = {
        "deadLetterTargetArn": arn_of(dead_letters_url),
        "maxReceiveCount": max_receive_count,
    }
    url = sqs.create_queue(QueueName=name, Attributes={"RedrivePolicy": json.dumps(redrive)})
    return Queue(url["QueueUrl"], arn_of(url["QueueUrl"]), dead_letters_url)


@dataclass(frozen=True, slots=True)
class OpsTopic:
    """The operators' topic, with a subscribed queue."""

    arn: str
    queue: Queue

    def received(self) -> list[tuple[str, dict[str, Any]]]:
        """Return (subject, message) of each alert published since the last call."""
        return [
            (each["Subject"], json.loads(each["Message"]))
            for each in (json.loads(each["Body"]) for each in Queue._receive(self.queue.url))
        ]


def an_ops_topic() -> OpsTopic:
    """Create a topic with a unique name."""
    queue = a_queue()
    arn = client("sns").create_topic(Name=f"ops-{secrets.token_hex(6)}")["TopicArn"]
    client("sns").subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue.arn)
    return OpsTopic(arn, queue)


def arn_of(url: str) -> str:
    """Return a queue's ARN."""
    answer = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return str(answer["Attributes"]["QueueArn"])


def purge_nudges() -> None:
    """Empty the queues of nudges: moto gets slower with every message that waits."""
    sqs = client("sqs")
    for name in ("RELAY_QUEUE_URL", "BEST_EFFORT_QUEUE_URL"):
        with suppress(sqs.exceptions.PurgeQueueInProgress):  # it was, less than a minute ago
            sqs.purge_queue(QueueUrl=os.environ[name])
