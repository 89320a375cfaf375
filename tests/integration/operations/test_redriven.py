"""Redriven messages: under way until they are handled or dead again, as old as their events."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from commerce.app.operations import dead_letters as module
from commerce.shared.clock import parse_rfc3339, rfc3339
from tests.support.dead_letters import DeadQueue, an_order_message, take_all
from tests.support.operations import (
    NAME,
    a_console_queue,
    list_dead_letters,
    list_queues,
    redrive,
)
from tests.support.other_connection import wait_until
from tests.support.shop import rows

pytestmark = pytest.mark.usefixtures("own_shop")  # its audit is the test's alone

DAY_AGO = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)


@pytest.fixture
def dead(monkeypatch: pytest.MonkeyPatch) -> DeadQueue:
    return a_console_queue(monkeypatch)


@pytest.fixture
def exact_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The emulator's numbers of messages are never late."""
    monkeypatch.setattr(module, "COUNTS_ARE_LATE", timedelta())


def the_queue() -> dict[str, Any]:
    found: dict[str, Any]
    [found] = [each for each in list_queues().json["queues"] if each["queue"] == NAME]
    return found


@contextmanager
def received(dead: DeadQueue) -> Iterator[Any]:
    """Receive the message as its consumer does, which tries it meanwhile."""
    sqs = boto3.client("sqs", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
    [message] = sqs.receive_message(QueueUrl=dead.url, VisibilityTimeout=600)["Messages"]
    yield lambda: sqs.delete_message(QueueUrl=dead.url, ReceiptHandle=message["ReceiptHandle"])


def fail_again(dead: DeadQueue) -> None:
    """Let the queue's only try of the message fail, so that it is a dead letter again."""
    sqs = boto3.client("sqs", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
    [_] = sqs.receive_message(QueueUrl=dead.url, VisibilityTimeout=0)["Messages"]
    wait_until(
        lambda: (
            not sqs.receive_message(QueueUrl=dead.url, VisibilityTimeout=0).get("Messages")
            and the_queue()["count"] == 1
        )
    )


@pytest.mark.usefixtures("exact_counts")
def test_a_redriven_message_is_under_way_until_it_is_handled(dead: DeadQueue) -> None:
    [id_] = dead.fill(an_order_message("o-1"))
    assert the_queue()["under_way"] == 0
    redrive([id_])
    assert (the_queue()["count"], the_queue()["under_way"]) == (0, 1)
    with received(dead) as handled:
        assert the_queue()["under_way"] == 1  # it is being tried
        handled()
    assert the_queue()["under_way"] == 0


@pytest.mark.usefixtures("exact_counts")
def test_a_redriven_message_is_no_longer_under_way_once_dead_again(dead: DeadQueue) -> None:
    dead.fill(an_order_message("o-1", occurred_at=rfc3339(DAY_AGO)))
    for times in (1, 2, 3):
        redrive("all")
        assert the_queue()["under_way"] == 1
        fail_again(dead)
        shown = the_queue()
        assert (shown["count"], shown["under_way"]) == (1, 0)
        [letter] = list_dead_letters().json["letters"]
        assert letter["redriven"] == times
        assert parse_rfc3339(letter["occurred_at"]) == DAY_AGO
        assert 86_400 <= letter["age_seconds"] < 90_000


def test_a_redriven_message_is_under_way_while_the_counts_may_be_late(dead: DeadQueue) -> None:
    [id_] = dead.fill(an_order_message("o-1"))
    redrive([id_])
    take_all(dead.url)
    assert the_queue()["under_way"] == 1
    rows("UPDATE ops_audit SET at = at - interval '61 seconds' WHERE message_id = $1", id_)
    assert the_queue()["under_way"] == 0


@pytest.mark.usefixtures("exact_counts")
def test_other_messages_of_the_queue_are_not_counted_as_redriven(dead: DeadQueue) -> None:
    dead.fill(an_order_message("o-1"), an_order_message("o-2"))
    redrive("all")
    sqs = boto3.client("sqs", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
    for number in range(3):
        sqs.send_message(QueueUrl=dead.url, MessageBody=an_order_message(f"new-{number}"))
    assert the_queue()["under_way"] == 2


def test_a_message_without_a_time_is_as_old_as_when_it_was_first_sent(dead: DeadQueue) -> None:
    dead.fill("nothing can be read from this", '{"detail": {"occurred_at": 5, "type": "x"}}')
    before = {each["body"]: each for each in list_dead_letters().json["letters"]}
    redrive("all")
    for message in take_all(dead.url):
        attributes = message["MessageAttributes"]
        assert attributes["Redriven"]["StringValue"] == "1"
        first = datetime.fromtimestamp(int(attributes["FirstSent"]["StringValue"]) / 1000, UTC)
        assert rfc3339(first)[:19] == before[message["Body"]]["sent_at"][:19]
