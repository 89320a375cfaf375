"""Completion, cancellation and the notices of both that the delivery system receives."""

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.e2e.caller import Json, a_key, an_order, won
from tests.e2e.eventually import eventually
from tests.e2e.shop import Buyer, Shop, balance_of
from tests.e2e.stack import Stack

TRIES = 3


@pytest.fixture(autouse=True)
def well(stack: Stack) -> Iterator[None]:
    """Begin and leave with a delivery system that is well."""
    stack.delivery.behave("ok")
    yield
    stack.delivery.behave("ok")


def kinds(stack: Stack, order_id: str) -> list[str]:
    return [notice["kind"] for notice in stack.delivery.notices(order_id)]


def history(buyer: Buyer, order_id: str) -> list[tuple[str, str]]:
    steps = buyer.api.order(order_id).require(200)["history"]
    return [(step["status"], step["reason"]) for step in steps]


def test_cancelling_an_order_returns_stock_points_and_coupon(stack: Stack, shop: Shop) -> None:
    product, buyer = shop.new_product(stock=5, price=100), shop.new_buyer(points=1_000)
    order_id = buyer.place_order((product, 2))
    eventually(lambda: kinds(stack, order_id) == ["ORDER"])

    order = buyer.api.cancel_order(order_id, reason="Ordered by mistake").require(200)

    assert (order["order_id"], order["status"], order["points_used"]) == (
        order_id,
        "CANCELLED",
        won(200),
    )
    assert (shop.stock_of(product), balance_of(buyer)) == (5, 1_000)
    assert history(buyer, order_id) == [
        ("CONFIRMED", "Paid by points"),
        ("CANCELLED", "Ordered by mistake"),
    ]
    eventually(lambda: kinds(stack, order_id) == ["ORDER", "WITHDRAWAL"])
    buyer.api.cancel_order(order_id).require_problem(409, "ORDER_NOT_CANCELLABLE")
    assert (shop.stock_of(product), balance_of(buyer)) == (5, 1_000)


def test_goods_go_to_the_address_that_the_order_has_when_they_are_shipped(
    stack: Stack, shop: Shop
) -> None:
    product, buyer = shop.new_product(stock=5, price=100), shop.new_buyer(points=1_000)
    first = {"recipient": "Wile", "phone": "010-1234-5678", "line1": "1 Canyon Road",
             "country": "KR"}  # fmt: skip
    address = buyer.api.send("POST", "/users/me/addresses", first).require(201)
    order = {**an_order((product, 2)), "address_id": address["address_id"]}
    order_id = buyer.api.send("POST", "/orders", order, key=a_key()).require(201)["order_id"]
    eventually(lambda: kinds(stack, order_id) == ["ORDER"])

    moved = {**first, "line1": "2 Mesa Road"}
    buyer.api.send("PUT", f"/orders/{order_id}/address", moved).require(200)
    eventually(lambda: kinds(stack, order_id) == ["ORDER", "UPDATE"])
    tracking = {"carrier": "CJ", "tracking_number": "12-34"}
    shop.admin.take_step(order_id, "shipment", **tracking).require(200)

    buyer.api.send("PUT", f"/orders/{order_id}/address", first).require_problem(
        409, "ORDER_NOT_EDITABLE"
    )
    notices = stack.delivery.notices(order_id)
    assert [each["ship_to"]["line1"] for each in notices] == ["1 Canyon Road", "2 Mesa Road"]
    shown = buyer.api.order(order_id).require(200)
    assert shown["ship_to"] == notices[1]["ship_to"]
    assert {name: shown["shipment"][name] for name in tracking} == tracking


def test_an_admin_ships_and_delivers_an_order(shop: Shop) -> None:
    product, buyer = shop.new_product(stock=5, price=100), shop.new_buyer(points=1_000)
    order_id = buyer.place_order((product, 1))
    shop.admin.take_step(order_id, "delivery").require_problem(409, "ORDER_NOT_DELIVERABLE")
    assert shop.admin.take_step(order_id, "shipment").require(200)["status"] == "SHIPPED"
    buyer.api.cancel_order(order_id).require_problem(409, "ORDER_NOT_CANCELLABLE")
    shop.admin.take_step(order_id, "shipment").require_problem(409, "ORDER_NOT_SHIPPABLE")
    assert shop.admin.take_step(order_id, "delivery").require(200)["status"] == "DELIVERED"
    for step, code in (
        ("shipment", "ORDER_NOT_SHIPPABLE"),
        ("delivery", "ORDER_NOT_DELIVERABLE"),
        ("cancellation", "ORDER_NOT_CANCELLABLE"),
    ):
        shop.admin.take_step(order_id, step).require_problem(409, code)
    assert [status for status, _ in history(buyer, order_id)] == [
        "CONFIRMED",
        "SHIPPED",
        "DELIVERED",
    ]
    assert (shop.stock_of(product), balance_of(buyer)) == (4, 900)


def test_an_admin_cancels_a_shipped_order(stack: Stack, shop: Shop) -> None:
    product, buyer = shop.new_product(stock=5, price=100), shop.new_buyer(points=1_000)
    order_id = buyer.place_order((product, 1))
    # An order that is called off before the delivery system knows it is never told there.
    eventually(lambda: kinds(stack, order_id) == ["ORDER"])
    shop.admin.take_step(order_id, "shipment").require(200)
    recalled = shop.admin.take_step(order_id, "cancellation", reason="Lost on the way").require(200)
    assert recalled["status"] == "CANCELLED"
    # The goods are on their way, so that nobody can buy them until they are received.
    assert (shop.stock_of(product), balance_of(buyer)) == (4, 1_000)
    assert history(buyer, order_id)[-1] == ("CANCELLED", "Lost on the way")
    eventually(lambda: kinds(stack, order_id) == ["ORDER", "WITHDRAWAL"])


def test_a_repeated_cancellation_with_its_key_replays_the_answer(shop: Shop, buyer: Buyer) -> None:
    product, key = shop.new_product(stock=5, price=100), a_key()
    order_id, other_id = (buyer.place_order((product, 1)) for _ in range(2))
    first = buyer.api.cancel_order(order_id, key=key)
    again = buyer.api.cancel_order(order_id, key=key)
    assert again.require(200) == first.require(200)
    assert again.headers["Idempotency-Replayed"] == "true"
    buyer.api.cancel_order(other_id, key=key).require_problem(422, "IDEMPOTENCY_KEY_REUSED")
    assert shop.stock_of(product) == 4


def test_cancelling_an_unknown_or_anothers_order_is_refused(shop: Shop, buyer: Buyer) -> None:
    product = shop.new_product(stock=5, price=100)
    order_id = buyer.place_order((product, 1))
    shop.new_buyer().api.cancel_order(order_id).require_problem(403, "NOT_YOUR_ORDER")
    buyer.api.cancel_order("no-id").require_problem(404, "ORDER_NOT_FOUND")
    buyer.api.cancel_order(order_id, reson="x").require_problem(422, "VALIDATION_FAILED")
    assert shop.stock_of(product) == 4


@pytest.mark.parametrize(
    ("kind", "letters"),
    [("ORDER", "ShippingDeadLetterQueueUrl"), ("WITHDRAWAL", "WithdrawalDeadLetterQueueUrl")],
)
def test_a_notice_out_of_retries_is_one_alert_and_one_dead_letter(
    stack: Stack, shop: Shop, buyer: Buyer, kind: str, letters: str
) -> None:
    product = shop.new_product(stock=5, price=100)
    with operators(stack) as ops:
        if kind == "ORDER":
            stack.fail_deliveries()
            order_id = buyer.place_order((product, 1))
        else:
            order_id = buyer.place_order((product, 1))
            eventually(lambda: kinds(stack, order_id) == ["ORDER"])
            stack.fail_deliveries()
            buyer.api.cancel_order(order_id).require(200)

        letter = eventually(lambda: stack.take_message(letters, order_id))
        assert stack.delivery.attempts(order_id).count("failed") == TRIES
        [alert] = ops.alerts_of(order_id)
        assert (alert["alert"], alert["kind"]) == ("SHIPMENT_NOTICE_FAILED", kind)
        assert alert["cause"] == "It answered 500."
        assert alert["runbook"] == "docs/runbooks/shipment-notice-failed.md"

    stack.delivery.behave("ok")
    stack.send(letters.replace("DeadLetter", ""), letter)
    eventually(lambda: kind in kinds(stack, order_id))
    assert kinds(stack, order_id).count(kind) == 1


@dataclass(slots=True)
class Operators:
    """A listener on the operators' topic."""

    sqs: Any
    url: str

    def alerts_of(self, order_id: str) -> list[Json]:
        """The alerts about an order that have come."""
        found = self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10)
        alerts = [
            json.loads(json.loads(each["Body"])["Message"]) for each in found.get("Messages", [])
        ]
        return [alert for alert in alerts if alert.get("order_id") == order_id]


@contextmanager
def operators(stack: Stack) -> Iterator[Operators]:
    """Listen to the operators' topic."""
    sqs, sns = stack.aws("sqs"), stack.aws("sns")
    url = sqs.create_queue(QueueName=f"operators-{secrets.token_hex(4)}")["QueueUrl"]
    names = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    subscription = sns.subscribe(
        TopicArn=stack.outputs["OpsTopicArn"],
        Protocol="sqs",
        Endpoint=names["QueueArn"],
        ReturnSubscriptionArn=True,
    )["SubscriptionArn"]
    try:
        yield Operators(sqs, url)
    finally:
        sns.unsubscribe(SubscriptionArn=subscription)
        sqs.delete_queue(QueueUrl=url)
