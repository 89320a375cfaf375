"""Queues: what waits in each, and a look at the messages of one."""

import argparse
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from infra.ops.command import DONE, FOUND, Answer, add_command, add_group
from infra.ops.target import OpsError, Target, client
from infra.ops.terminal import age, people, show_fields, show_table

COUNTS = {
    "waiting": "ApproximateNumberOfMessages",
    "in_flight": "ApproximateNumberOfMessagesNotVisible",
    "delayed": "ApproximateNumberOfMessagesDelayed",
}
BATCH = 10  # SQS' limit per call
BODY_CHARACTERS = 120  # of a message, in the table
LOOKS = 3  # SQS asks only some of its servers: one empty answer does not mean an empty queue


def add_to(commands: Any) -> None:
    """Add the commands `queues …`."""
    queues = add_group(commands, "queues", "the messages that wait for their functions")
    add_command(queues, "list", list_queues, show_queues, "every queue with its numbers")
    peeked = add_command(
        queues, "peek", peek, show_messages,
        "messages of a queue, which stay in it; SQS counts each look as a receive of the message",
    )  # fmt: skip
    peeked.add_argument("queue", metavar="NAME")
    peeked.add_argument("--limit", type=int, default=BATCH, help="so many at most")


def list_queues(target: Target, _options: argparse.Namespace) -> Answer:
    """List every queue with the number of its messages."""
    queues = [
        {"queue": queue.name, **_counts(queue.url)} for queue in target.queues.values() if queue.url
    ]
    if not queues:
        raise OpsError(f"No queue of a stack {target.stack} is found: is --stack right?")
    return DONE, {"queues": queues}


def peek(target: Target, options: argparse.Namespace) -> Answer:
    """Show messages that wait in a queue; they stay, and are visible to its function at once."""
    queue = target.queue(options.queue)
    if not queue.url:
        raise OpsError(f'{queue.name} has dead letters only: make ops ARGS="dlq show {queue.name}"')
    now = datetime.now(UTC)
    found = {each["MessageId"]: each for each in _received(queue.url, options.limit)}
    messages = [_described(each, now) for each in list(found.values())[: options.limit]]
    answer = {"queue": queue.name, **_counts(queue.url), "messages": messages}
    return DONE if messages else FOUND, answer


def _received(url: str, limit: int) -> Iterator[dict[str, Any]]:
    taken = 0
    for _ in range(LOOKS + limit // BATCH):
        answer = client("sqs").receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=min(BATCH, limit - taken),
            VisibilityTimeout=0,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        found = answer.get("Messages", [])
        yield from found
        taken += len(found)
        if taken >= limit:
            return


def _described(message: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Return a message's own facts, and the event in it where it is one."""
    attributes = message["Attributes"]
    sent_at = datetime.fromtimestamp(int(attributes["SentTimestamp"]) / 1000, UTC)
    try:
        body: Any = json.loads(message["Body"])
    except ValueError:
        body = message["Body"]
    event = body.get("detail") if isinstance(body, dict) else None
    event = event if isinstance(event, dict) else {}
    return {
        "message_id": message["MessageId"],
        "age_seconds": max(0, round((now - sent_at).total_seconds())),
        "receives": int(attributes["ApproximateReceiveCount"]),
        "type": event.get("type"),
        "event_id": event.get("id"),
        "aggregate_id": event.get("aggregate_id"),
        "body": body,
    }


def _counts(url: str) -> dict[str, int]:
    try:
        found = client("sqs").get_queue_attributes(
            QueueUrl=url, AttributeNames=list(COUNTS.values())
        )
    except ClientError as error:
        raise OpsError(f"{url} cannot be read: {error}") from error
    return {name: int(found["Attributes"][attribute]) for name, attribute in COUNTS.items()}


def show_queues(answer: dict[str, Any]) -> None:
    """Print the queues."""
    show_fields(["queue", *COUNTS], answer["queues"])


def show_messages(answer: dict[str, Any]) -> None:
    """Print the messages of a queue."""
    rows = []
    for each in answer["messages"]:
        body = json.dumps(each["body"], ensure_ascii=False, default=str)
        cut = body if len(body) <= BODY_CHARACTERS else f"{body[:BODY_CHARACTERS]}…"
        rows.append(
            [each["message_id"], age(each["age_seconds"]), each["receives"], each["type"],
             each["event_id"], each["aggregate_id"], cut]
        )  # fmt: skip
    if rows:
        columns = ["message id", "age", "receives", "type", "event", "aggregate", "body"]
        show_table(columns, rows)
    people.print(
        f"{answer['queue']}: {answer['waiting']} wait, {answer['in_flight']} are being handled,"
        f" {answer['delayed']} are delayed"
    )
