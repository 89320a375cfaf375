"""An order is paid by card: from its placing to the refund of what was paid."""

import pytest

from tests.support.gateway import RunningGateway
from tests.support.lambda_calls import call
from tests.support.orders import status_of, types_of
from tests.support.payments import (
    follow,
    pay,
    place_by_card,
    settled,
    types_of_payments,
)
from tests.support.shop import a_buyer, a_product, assert_books_hold

pytestmark = pytest.mark.usefixtures("shop_environment")


def test_a_paid_order_is_confirmed(gateway: RunningGateway) -> None:
    buyer, product = a_buyer(), a_product(stock=3, price=1200)
    placed = place_by_card(buyer, (product, 2))
    assert placed.status == 201
    order_id = placed.json["order_id"]
    assert placed.json["status"] == "PENDING"
    assert placed.json["card_amount"] == {"amount": 2400, "currency": "KRW"}
    assert placed.json["expires_at"] > placed.json["placed_at"]

    answer = pay(buyer, order_id)

    assert answer.status == 201, answer.json
    assert answer.json == {
        "payment_id": answer.json["payment_id"],
        "order_id": order_id,
        "charge_id": None,
        "status": "PENDING",
        "amount": {"amount": 2400, "currency": "KRW"},
        "refunded": {"amount": 0, "currency": "KRW"},
        "card_type": "KB",
        "card_last4": "9876",
        "failure_reason": None,
    }
    settled(order_id, "SUCCEEDED")
    follow(order_id)
    assert status_of(order_id) == "CONFIRMED"
    assert types_of_payments(order_id) == ["PaymentRequested", "PaymentSucceeded"]
    assert types_of(order_id) == ["OrderPlaced", "OrderConfirmed"]
    [transaction] = gateway.transactions(order_id)
    assert transaction["amount"] == 2400
    page = call("order/get_order", "GET", f"/orders/{order_id}", token=buyer.token)
    assert page.json["payments"] == [{**answer.json, "status": "SUCCEEDED"}]
    assert_books_hold(product, users=[buyer.user_id])
