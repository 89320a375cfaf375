"""An event bus of the test's own, and a queue that receives everything on it."""

import json
import os
import secrets
from dataclasses import dataclass
from typing import Any

import boto3


@dataclass(frozen=True, slots=True)
class ObservedBus:
    """An event bus with one target."""

    name: str
    queue_url: str

    def received(self) -> list[dict[str, Any]]:
        """Take the envelopes that arrived since the last call."""
        sqs = boto3.client("sqs", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
        envelopes: list[dict[str, Any]] = []
        while messages := sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            for message in messages:
                envelopes.append(json.loads(message["Body"])["detail"])
                sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])
        return envelopes


def an_observed_bus() -> ObservedBus:
    """Create a bus and its target queue, with unique names."""
    endpoint = os.environ["AWS_ENDPOINT_URL"]
    name = f"bus-{secrets.token_hex(6)}"
    sqs = boto3.client("sqs", endpoint_url=endpoint)
    events = boto3.client("events", endpoint_url=endpoint)
    queue_url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]
    events.create_event_bus(Name=name)
    events.put_rule(
        Name=name, EventBusName=name, EventPattern=json.dumps({"source": [{"prefix": "commerce"}]})
    )
    events.put_targets(
        Rule=name, EventBusName=name, Targets=[{"Id": "listener", "Arn": arn["QueueArn"]}]
    )
    return ObservedBus(name, queue_url)
