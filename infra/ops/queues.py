"""Queues: what waits in each, and a look at the messages of one."""

import argparse
from typing import Any

from botocore.exceptions import ClientError

from commerce.runtime.messaging.dead_letters import DeadLetter, DeadLetters, Queue
from infra.arguments import whole_number
from infra.ops.command import DONE, FOUND, Answer, add_command, add_group
from infra.ops.target import OpsError, Target, client
from infra.ops.terminal import age, people, show_fields, show_table

COUNTS = {
    "waiting": "ApproximateNumberOfMessages",
    "in_flight": "ApproximateNumberOfMessagesNotVisible",
    "delayed": "ApproximateNumberOfMessagesDelayed",
}
LISTED = 10
BODY_CHARACTERS = 120  # of a message, in the table
VISIBILITY_SECONDS = 30  # what a killed command had received is visible again after it


def add_to(commands: Any) -> None:
    """Add the commands `queues …`."""
    queues = add_group(commands, "queues", "the messages that wait for their functions")
    add_command(queues, "list", list_queues, show_queues, "every queue with its numbers")
    peeked = add_command(
        queues, "peek", peek, show_messages,
        "messages of a queue, which stay in it; SQS counts each look as a receive of the message",
    )  # fmt: skip
    peeked.add_argument("queue", metavar="NAME")
    peeked.add_argument("--limit", type=whole_number, default=LISTED, help="so many at most")


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
    # A dead-letter queue is a queue: its look receives each message once and releases it.
    looked_at = DeadLetters(Queue(queue.name, "", queue.url), client("sqs"), VISIBILITY_SECONDS)
    messages = [_described(each) for each in looked_at.peek(options.limit)]
    answer = {"queue": queue.name, **_counts(queue.url), "messages": messages}
    return DONE if messages else FOUND, answer


def _described(message: DeadLetter) -> dict[str, Any]:
    """Return a message's own facts, and those of the event in it where there is one."""
    return {
        "message_id": message.id,
        "age_seconds": message.age_seconds,
        "receives": int(message.message["Attributes"]["ApproximateReceiveCount"]),
        "type": message.envelope.get("type"),
        "event_id": message.envelope.get("id"),
        "aggregate_id": message.envelope.get("aggregate_id"),
        "body": message.body,
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
        body = each["body"]
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
