"""A queue with dead letters, of the test's own and named as the template names them."""

import json
import os
import secrets
from collections import Counter
from dataclasses import dataclass
from typing import Any

import boto3


@dataclass(frozen=True, slots=True)
class DeadQueue:
    """A queue of a stack of its own, and its dead-letter queue."""

    stack: str
    name: str
    url: str
    dead_letters_url: str

    def fill(self, *bodies: str, attributes: dict[str, Any] | None = None) -> list[str]:
        """Add dead letters; returns their message ids, in order."""
        sqs, ids = _sqs(), []
        for start in range(0, len(bodies), 10):
            answer = sqs.send_message_batch(
                QueueUrl=self.dead_letters_url,
                Entries=[
                    {"Id": str(n), "MessageBody": body, "MessageAttributes": attributes or {}}
                    for n, body in enumerate(bodies[start : start + 10])
                ],
            )
            ids += [each["MessageId"] for each in answer["Successful"]]
        return ids

    def bodies(self) -> Counter[str]:
        """Take everything out of the queue; returns the bodies."""
        return Counter(each["Body"] for each in take_all(self.url))

    def dead_letters(self) -> Counter[str]:
        """Take the visible dead letters out; returns their bodies."""
        return Counter(each["Body"] for each in take_all(self.dead_letters_url))


def take_all(url: str) -> list[dict[str, Any]]:
    """Take every visible message out of a queue."""
    sqs, taken = _sqs(), list[dict[str, Any]]()
    while messages := sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
    ).get("Messages"):
        taken += messages
        handles = [message["ReceiptHandle"] for message in messages]
        entries = [{"Id": str(n), "ReceiptHandle": handle} for n, handle in enumerate(handles)]
        sqs.delete_message_batch(QueueUrl=url, Entries=entries)
    return taken


def a_dead_queue(name: str = "shipping-order-confirmed", tries: int = 1) -> DeadQueue:
    """Create a queue and its dead-letter queue."""
    stack = f"stack{secrets.token_hex(4)}"
    dead_letters_url = _sqs().create_queue(QueueName=f"{stack}-{name}-dead-letters")["QueueUrl"]
    arn = _sqs().get_queue_attributes(QueueUrl=dead_letters_url, AttributeNames=["QueueArn"])
    redrive = {"deadLetterTargetArn": arn["Attributes"]["QueueArn"], "maxReceiveCount": tries}
    url = _sqs().create_queue(
        QueueName=f"{stack}-{name}",
        Attributes={"RedrivePolicy": json.dumps(redrive), "VisibilityTimeout": "0"},
    )["QueueUrl"]
    return DeadQueue(stack, name, url, dead_letters_url)


def an_order_message(order_id: str, event_id: str = "", **more: str) -> str:
    """Return a message's body as EventBridge sends it, with more fields of its event."""
    data = {"order_id": order_id, "lines": []}
    detail = {"id": event_id or f"event-{order_id}", "type": "OrderConfirmed", "data": data, **more}
    return json.dumps({"detail-type": "OrderConfirmed", "detail": {**detail, "trace_id": "t"}})


def _sqs() -> Any:
    return boto3.client("sqs", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
