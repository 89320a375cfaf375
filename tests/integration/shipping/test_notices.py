"""Shipment notices from the queue to the real delivery simulator, and what it takes to be one."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import boto3
import pytest
import urllib3

from commerce.order import OrderConfirmed
from commerce.order.events import LineOrdered
from commerce.shared import trace
from commerce.shared.money import Money
from infra.local.delivery import delivery_secret, start_delivery
from infra.local.ports import LOOPBACK, Ports
from tests.support import lambda_calls
from tests.support.lambda_calls import bus_message, function, lambda_context, sqs_event
from tests.support.orders import an_order
from tests.support.shop import a_buyer, a_product, rows
from tests.support.threads import run_concurrently

pytestmark = pytest.mark.usefixtures("shop_environment")

FUNCTION = "shipping/on_order_confirmed"


@dataclass(frozen=True, slots=True)
class Delivery:
    """The delivery simulator, as somebody over there would look at it."""

    url: str
    state: Path

    def behave(self, mode: str, times: int | None = None) -> None:
        body = {"mode": mode, "times": times, "seconds": 0}
        answer = urllib3.request("PUT", f"{self.url}/behaviour", json=body)
        assert answer.status == 200

    def notices_of(self, order_id: UUID) -> list[str]:
        return [each["kind"] for each in self._items("notices", order_id)]

    def outcomes_of(self, order_id: UUID) -> list[str]:
        return [each["outcome"] for each in self._items("requests", order_id)]

    def lines_of(self, order_id: UUID) -> list[dict[str, Any]]:
        kept = [json.loads(line) for line in self.state.read_text().splitlines()]
        [notice] = [each for each in kept if each["order_id"] == str(order_id)]
        lines: list[dict[str, Any]] = notice["lines"]
        return lines

    def _items(self, what: str, order_id: UUID) -> list[dict[str, Any]]:
        answer = urllib3.request("GET", f"{self.url}/{what}?order_id={order_id}")
        items: list[dict[str, Any]] = answer.json()["items"]
        return items


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Delivery]:
    directory = tmp_path_factory.mktemp("delivery")
    server = start_delivery(directory, Ports.free().delivery)
    yield Delivery(server.url, directory / "delivery.jsonl")
    server.stop()


@pytest.fixture
def delivery(simulator: Delivery, monkeypatch: pytest.MonkeyPatch) -> Iterator[Delivery]:
    """The simulator, well, and a function that knows of no other."""
    monkeypatch.setenv("DELIVERY_URL", simulator.url)
    monkeypatch.setenv("DELIVERY_SECRET", delivery_secret(simulator.state.parent))
    monkeypatch.setenv("SHIPPING_RETRY_BASE_SECONDS", "1")
    forget_the_function()
    simulator.behave("ok")
    yield simulator
    simulator.behave("ok")
    forget_the_function()


def forget_the_function() -> None:
    lambda_calls._environment.__dict__.get("loaded", {}).pop(FUNCTION, None)


def confirmed() -> OrderConfirmed:
    """Place an order; return its event, as if it were recorded now."""
    wanted = [("Anvil \N{ANCHOR}", 1), ("Rope", 3)]
    products = [a_product(stock=9, price=100, name=name) for name, _ in wanted]
    quantities = [quantity for _, quantity in wanted]
    buyer = a_buyer(points=1_000)
    id_ = UUID(an_order(buyer, *zip(products, quantities, strict=True)))
    lines = [
        LineOrdered(
            product_id=UUID(product), product_name=name, unit_price=Money(100), quantity=quantity
        )
        for product, (name, quantity) in zip(products, wanted, strict=True)
    ]
    return OrderConfirmed(
        aggregate_id=id_,
        aggregate_version=2,
        order_id=id_,
        user_id=buyer.user_id,
        lines=tuple(lines),
        total=Money(400),
    )


def message(event: OrderConfirmed) -> dict[str, Any]:
    return bus_message(event.envelope())


def handle(*bodies: Any) -> list[int]:
    """Deliver a batch; the places of the messages that failed."""
    event = sqs_event(*bodies, queue="shipping-order-confirmed")
    ids = [record["messageId"] for record in event["Records"]]
    failed = function(FUNCTION)(event, lambda_context())["batchItemFailures"]
    return [ids.index(each["itemIdentifier"]) for each in failed]


def sent(order_id: UUID) -> list[str]:
    """Return the kinds of the notices that were recorded as sent."""
    found = rows("SELECT kind FROM shipment_notice WHERE order_id = $1", order_id)
    return [row.kind for row in found]


def test_a_confirmed_order_becomes_a_notice(delivery: Delivery) -> None:
    event = confirmed()
    assert handle(message(event)) == []
    assert delivery.notices_of(event.order_id) == sent(event.order_id) == ["ORDER"]
    assert delivery.lines_of(event.order_id) == [
        {"product_id": str(line.product_id), "product_name": line.product_name,
         "quantity": line.quantity}
        for line in event.lines
    ]  # fmt: skip


def test_a_redelivered_message_is_one_notice(delivery: Delivery) -> None:
    event = confirmed()
    first = message(event)
    assert handle(first, first) == handle(first) == handle(message(event)) == []
    assert delivery.outcomes_of(event.order_id) == ["received"]
    assert sent(event.order_id) == ["ORDER"]


def test_a_message_delivered_concurrently_is_one_notice(delivery: Delivery) -> None:
    event = confirmed()
    answers = run_concurrently([partial(handle, message(event)) for _ in range(5)])
    assert answers == [[]] * 5
    assert delivery.notices_of(event.order_id) == sent(event.order_id) == ["ORDER"]


def test_a_refused_notice_is_retried(delivery: Delivery) -> None:
    event = confirmed()
    delivery.behave("fail", times=2)
    for _ in range(2):
        assert handle(message(event)) == [0]
        assert delivery.notices_of(event.order_id) == sent(event.order_id) == []
    assert handle(message(event)) == []
    assert delivery.outcomes_of(event.order_id) == ["failed", "failed", "received"]
    assert sent(event.order_id) == ["ORDER"]


def test_an_unanswered_notice_is_a_failure(delivery: Delivery) -> None:
    event = confirmed()
    delivery.behave("hang")
    assert handle(message(event)) == [0]
    assert sent(event.order_id) == []
    delivery.behave("ok")
    assert handle(message(event)) == []
    assert delivery.notices_of(event.order_id) == sent(event.order_id) == ["ORDER"]


def test_an_unreachable_delivery_system_is_a_failure(
    delivery: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = confirmed()
    monkeypatch.setenv("DELIVERY_URL", f"http://{LOOPBACK}:{Ports.free().delivery}")
    assert handle(message(event)) == [0]
    assert sent(event.order_id) == []


def test_one_failure_does_not_stop_the_others(delivery: Delivery) -> None:
    events = [confirmed() for _ in range(3)]
    delivery.behave("fail", times=1)
    assert handle(*(message(event) for event in events)) == [0]
    assert [sent(event.order_id) for event in events] == [[], ["ORDER"], ["ORDER"]]


def test_a_malformed_message_does_not_stop_the_others(delivery: Delivery) -> None:
    one, other = confirmed(), confirmed()
    without_lines = message(confirmed())
    del without_lines["detail"]["data"]["lines"]
    assert handle(message(one), "no JSON", without_lines, {}, message(other)) == [1, 2, 3]
    assert sent(one.order_id) == sent(other.order_id) == ["ORDER"]


@pytest.mark.parametrize("name", ["id", "aggregate_id"])
@pytest.mark.parametrize("shape", ["{{{}}}", "urn:uuid:{}", "({})"])
def test_an_id_in_another_shape_than_ours_is_malformed(
    delivery: Delivery, name: str, shape: str
) -> None:
    event = confirmed()
    other = message(event)
    other["detail"][name] = shape.format(other["detail"][name])
    assert handle(other) == [0]
    assert sent(event.order_id) == []


def test_the_orders_trace_id_is_logged(
    delivery: Delivery, logged: Callable[[], list[dict[str, Any]]]
) -> None:
    order = message(confirmed())
    trace.follow("request-of-the-buyer")
    order["detail"]["trace_id"] = "request-of-the-buyer"
    delivery.behave("fail", times=1)
    handle(order)
    [failed] = [line for line in logged() if line["message"] == "message failed"]
    assert failed["correlation_id"] == "request-of-the-buyer"
    assert failed["exception_name"] == "DeliverySystemFailed"


@pytest.mark.parametrize(("base_seconds", "comes_back"), [("0", True), ("60", False)])
def test_a_failed_message_stays_hidden_for_its_pause(
    delivery: Delivery, monkeypatch: pytest.MonkeyPatch, base_seconds: str, *, comes_back: bool
) -> None:
    monkeypatch.setenv("SHIPPING_RETRY_BASE_SECONDS", base_seconds)
    sqs = boto3.client("sqs", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
    # Left alone, the message would do the opposite.
    alone = "600" if comes_back else "0"
    queue = sqs.create_queue(
        QueueName=f"orders-{uuid4().hex}", Attributes={"VisibilityTimeout": alone}
    )["QueueUrl"]
    sqs.send_message(QueueUrl=queue, MessageBody=json.dumps(message(confirmed())))
    delivery.behave("fail")

    function(FUNCTION)(received_from(sqs, queue), lambda_context())

    left = sqs.receive_message(QueueUrl=queue, VisibilityTimeout=0).get("Messages", [])
    assert (len(left) == 1) is comes_back


def received_from(sqs: Any, queue: str) -> dict[str, Any]:
    """The next message as Lambda hands it on."""
    [received] = sqs.receive_message(QueueUrl=queue)["Messages"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    event = sqs_event(received["Body"])
    event["Records"][0].update(
        receiptHandle=received["ReceiptHandle"],
        eventSourceARN=arn["QueueArn"],
        messageId=received["MessageId"],
    )
    return event
