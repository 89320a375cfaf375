"""Failures during an order's processing still end in exactly one shipment notice."""

import json
import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

import pg8000.native
import pytest

from infra.local.delivery import start_delivery
from tests.e2e.caller import Json
from tests.e2e.eventually import eventually
from tests.e2e.shop import Buyer, Shop
from tests.e2e.stack import NO_PROCESS, Stack, unpublished_events

TRIES = 3
RELAY_TURN = 7235119001  # the advisory lock of whoever relays
NUDGE = "{}"
DEAD_LETTERS = "ShippingDeadLetterQueueUrl"


@pytest.fixture(autouse=True)
def quiet(stack: Stack) -> Iterator[None]:
    """Begin with nothing under way, and leave a delivery system that is well."""
    stack.delivery.behave("ok")
    stack.wait_until_quiet()
    yield
    stack.delivery.behave("ok")


@pytest.fixture(scope="module")
def product(shop: Shop) -> str:
    """A product that there is enough of."""
    return shop.new_product(stock=1_000, price=10)


def test_a_redelivered_message_takes_effect_once(stack: Stack, buyer: Buyer, product: str) -> None:
    with heard(stack, "OrderConfirmed") as listener:
        order_id = buyer.place_order((product, 1))
        [message] = listener.hear(1)
        eventually(lambda: stack.delivery.notices(order_id))
        _deliver_again(stack, message)
        listener.hear(2)

    _assert_noticed_once(stack, order_id)
    assert stack.delivery.attempts(order_id) == ["received"]


def test_a_message_redelivered_while_in_progress_takes_effect_once(
    stack: Stack, buyer: Buyer, product: str
) -> None:
    stack.delivery.behave("slow", seconds=1)
    with heard(stack, "OrderConfirmed") as listener:
        order_id = buyer.place_order((product, 1))
        [message] = listener.hear(1)
        _deliver_again(stack, message)
        listener.hear(2)

    _assert_noticed_once(stack, order_id)


def test_an_event_names_its_type_its_aggregate_and_its_request(
    stack: Stack, buyer: Buyer, product: str
) -> None:
    with heard(stack, "OrderConfirmed") as listener:
        order_id = buyer.place_order((product, 1))
        [message] = listener.hear(1)

    event = message["detail"]
    assert set(event) >= {
        "id", "type", "occurred_at", "aggregate_id", "aggregate_version", "trace_id", "data"
    }  # fmt: skip
    assert event["type"] == message["detail-type"] == "OrderConfirmed"
    assert event["aggregate_id"] == order_id
    assert event["trace_id"]


@pytest.mark.parametrize("failures", [1, TRIES - 1])
def test_a_failing_delivery_system_is_retried(
    stack: Stack, buyer: Buyer, product: str, failures: int
) -> None:
    stack.delivery.behave("fail", times=failures)

    order_id = buyer.place_order((product, 1))

    _assert_noticed_once(stack, order_id)
    assert stack.delivery.attempts(order_id) == ["failed"] * failures + ["received"]


def test_retries_back_off(stack: Stack, buyer: Buyer, product: str) -> None:
    stack.delivery.behave("fail", times=TRIES - 1)

    order_id = buyer.place_order((product, 1))

    _assert_noticed_once(stack, order_id)
    first, second = [
        later - earlier for earlier, later in pairwise(stack.delivery.moments(order_id))
    ]
    assert second > first


def test_a_hanging_delivery_system_is_retried(stack: Stack, buyer: Buyer, product: str) -> None:
    stack.delivery.behave("hang", times=1)

    order_id = buyer.place_order((product, 1))

    _assert_noticed_once(stack, order_id)
    assert stack.delivery.attempts(order_id) == ["hung", "received"]


def test_notices_are_sent_once_a_failing_delivery_system_recovers(
    stack: Stack, buyer: Buyer, product: str
) -> None:
    stack.delivery.behave("fail")
    orders = [buyer.place_order((product, 1)) for _ in range(4)]
    eventually(lambda: all(stack.delivery.attempts(order_id) for order_id in orders))

    stack.delivery.behave("ok")

    for order_id in orders:
        _assert_noticed_once(stack, order_id)


def test_a_notice_is_sent_once_a_stopped_delivery_system_is_back(
    stack: Stack, buyer: Buyer, product: str
) -> None:
    if stack.system is None:
        pytest.skip("only a stack that this run started can have its delivery system stopped")

    stack.system.servers["delivery"].stop()
    try:
        with broken_connections(stack.addresses.delivery_url) as broken:
            order_id = buyer.place_order((product, 1))
            eventually(lambda: broken.count > 0)
    finally:
        stack.system.start_server("delivery", start_delivery)

    _assert_noticed_once(stack, order_id)
    assert stack.delivery.attempts(order_id) == ["received"]


def test_a_notice_out_of_retries_is_a_dead_letter_and_can_be_redriven(
    stack: Stack, buyer: Buyer, product: str
) -> None:
    stack.delivery.behave("fail", times=TRIES)
    with alerts(stack) as listener:
        order_id = buyer.place_order((product, 1))
        letter = eventually(lambda: stack.take_message(DEAD_LETTERS, order_id))
        told = listener.hear_about(order_id)
    assert stack.delivery.attempts(order_id) == ["failed"] * TRIES
    assert stack.delivery.notices(order_id) == []

    stack.send("ShippingQueueUrl", letter)

    _assert_noticed_once(stack, order_id)
    assert len(told) == 1, "operators are told once which order it is"
    assert "500" in told[0], "and why"


def test_a_malformed_message_does_not_stop_the_others(
    stack: Stack, buyer: Buyer, product: str
) -> None:
    mark = secrets.token_hex(8)
    for body in f"no JSON {mark}", json.dumps({"detail": {"mark": mark}}):
        stack.send("ShippingQueueUrl", body)

    order_id = buyer.place_order((product, 1))

    eventually(lambda: stack.delivery.notices(order_id))
    for _ in range(2):
        eventually(lambda: stack.take_message(DEAD_LETTERS, mark))
    _assert_noticed_once(stack, order_id)


def test_a_relay_killed_mid_batch_loses_and_duplicates_no_event(
    stack: Stack, buyer: Buyer, product: str
) -> None:
    """It dies after the bus took the events, and before they are marked as published."""
    with stack.database() as turn, stack.database() as table:
        turn.run("BEGIN")
        turn.run("SELECT pg_advisory_xact_lock(:lock)", lock=RELAY_TURN)
        orders = [buyer.place_order((product, 1)) for _ in range(4)]
        recorded = unpublished_events(table, *orders)
        assert recorded >= len(orders)
        table.run("BEGIN")
        table.run("LOCK TABLE outbox IN SHARE MODE")  # can be read and locked, not marked
        turn.run("ROLLBACK")
        stack.send("RelayQueueUrl", NUDGE)
        session, port = eventually(lambda: _waits_to_mark(turn))
        relay = stack.worker_on_port(port)
        if relay is None and stack.system is None:
            pytest.skip(NO_PROCESS)
        assert relay is not None, NO_PROCESS
        relay.kill()
        eventually(lambda: not _is_alive(turn, session))
        eventually(lambda: stack.delivery.notices(orders[0]))
        assert unpublished_events(table, *orders) == recorded
        table.run("ROLLBACK")

    stack.send("RelayQueueUrl", NUDGE)

    for order_id in orders:
        _assert_noticed_once(stack, order_id)
    assert stack.delivery.attempts(orders[0]) == ["received"]  # published twice, told once


def _deliver_again(stack: Stack, message: Json) -> None:
    """Put a message's event on the bus twice, and the message itself into the queue twice."""
    event = {
        "EventBusName": stack.outputs["EventBusName"],
        "Source": message["source"],
        "DetailType": message["detail-type"],
        "Detail": json.dumps(message["detail"]),
    }
    answer = stack.aws("events").put_events(Entries=[event, event])
    assert answer["FailedEntryCount"] == 0
    for _ in range(2):
        stack.send("ShippingQueueUrl", json.dumps(message))


def _assert_noticed_once(stack: Stack, order_id: str) -> None:
    """The order's notice arrives, and when nothing is under way any more it is still the one."""
    eventually(lambda: stack.delivery.notices(order_id))
    stack.wait_until_quiet()
    assert [notice["kind"] for notice in stack.delivery.notices(order_id)] == ["ORDER"]


def _waits_to_mark(database: pg8000.native.Connection) -> tuple[int, int] | None:
    """Return the process id and client port of a session that waits to write to the outbox."""
    found = database.run(  # outside a transaction: within one, the activity stands still
        "SELECT pid, client_port FROM pg_locks JOIN pg_stat_activity USING (pid)"
        " WHERE relation = 'outbox'::regclass AND mode = 'RowExclusiveLock' AND NOT granted"
    )
    return tuple(found[0]) if found else None


def _is_alive(database: pg8000.native.Connection, session: int) -> bool:
    found = database.run("SELECT 1 FROM pg_stat_activity WHERE pid = :pid", pid=session)
    return bool(found)


@dataclass(slots=True)
class Listener:
    """A queue of the test's own."""

    sqs: Any
    url: str

    def hear(self, count: int) -> list[Json]:
        """Wait for so many messages and take them."""
        heard: list[Json] = []

        def has_come() -> bool:
            heard.extend(self._take())
            return len(heard) >= count

        eventually(has_come)
        assert len(heard) == count
        return heard

    def hear_about(self, mark: str) -> list[str]:
        """Take what has come, and return the messages that have the mark in them."""
        messages = [json.dumps(message) for message in self._take()]
        return [message for message in messages if mark in message]

    def _take(self) -> list[Json]:
        found = self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10)
        messages = found.get("Messages", [])
        for message in messages:
            self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"]) for message in messages]


@contextmanager
def a_queue(stack: Stack, service: str) -> Iterator[tuple[Listener, str, str]]:
    """Make a queue that the service may send to; gives a listener, its name and its ARN."""
    sqs, name = stack.aws("sqs"), f"e2e-{secrets.token_hex(6)}"
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    arn = attributes["Attributes"]["QueueArn"]
    may_send = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sqs:SendMessage",
        "Resource": arn,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [may_send]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    try:
        yield Listener(sqs, url), name, arn
    finally:
        sqs.delete_queue(QueueUrl=url)


@contextmanager
def heard(stack: Stack, detail_type: str) -> Iterator[Listener]:
    """Listen to the bus for events of a type."""
    events, bus = stack.aws("events"), stack.outputs["EventBusName"]
    with a_queue(stack, "events.amazonaws.com") as (listener, name, arn):
        pattern = json.dumps({"detail-type": [detail_type]})
        events.put_rule(Name=name, EventBusName=bus, EventPattern=pattern)
        events.put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": "e2e", "Arn": arn}])
        try:
            yield listener
        finally:
            events.remove_targets(Rule=name, EventBusName=bus, Ids=["e2e"])
            events.delete_rule(Name=name, EventBusName=bus)


@contextmanager
def alerts(stack: Stack) -> Iterator[Listener]:
    """Listen to the operators' topic."""
    sns = stack.aws("sns")
    with a_queue(stack, "sns.amazonaws.com") as (listener, _, arn):
        subscribed = sns.subscribe(
            TopicArn=stack.outputs["OpsTopicArn"],
            Protocol="sqs",
            Endpoint=arn,
            ReturnSubscriptionArn=True,
        )
        try:
            yield listener
        finally:
            sns.unsubscribe(SubscriptionArn=subscribed["SubscriptionArn"])


@dataclass(slots=True)
class BrokenConnections:
    """Counts connections attempted to a server that has gone."""

    count: int = 0


@contextmanager
def broken_connections(url: str) -> Iterator[BrokenConnections]:
    """Take the place of a server: break every connection, and count them."""
    parts, broken = urlsplit(url), BrokenConnections()
    with socket.create_server((parts.hostname or "", parts.port or 80)) as listener:

        def serve() -> None:
            with suppress(OSError):  # closed: the test has seen enough
                while True:
                    listener.accept()[0].close()
                    broken.count += 1

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield broken
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
