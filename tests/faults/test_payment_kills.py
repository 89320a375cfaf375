"""Functions killed (SIGKILL) between a payment's steps: nobody pays twice, no charge is lost."""

import json

import pytest

from tests.faults.victims import run_victim
from tests.support.gateway import RunningGateway
from tests.support.orders import cancel, events_of, status_of
from tests.support.other_connection import wait_until
from tests.support.payments import (
    a_card_order,
    expire,
    follow,
    pay,
    reconcile,
    settled,
    statuses_of,
    types_of_payments,
)
from tests.support.shop import Person, a_buyer, a_key, a_product, assert_books_hold, rows

pytestmark = pytest.mark.usefixtures("own_shop", "idempotency_store_is_down")

PAYING = (
    "pay_before_the_gateway_is_asked",
    "pay_when_the_gateway_has_it",
    "pay_before_the_answer_is_sent",
)
REFUNDING = ("refund_before_the_gateway_is_asked", "refund_when_the_gateway_has_done_it")


@pytest.fixture
def buyer() -> Person:
    return a_buyer()


@pytest.fixture
def product() -> str:
    return a_product(stock=1, price=500)


def let_the_grace_pass(order_id: str) -> None:
    sql = "UPDATE payment SET requested_at = now() - interval '121 seconds' WHERE order_id = $1"
    rows(sql, order_id)


@pytest.mark.parametrize("who", ["the same key", "the reconciler"])
@pytest.mark.parametrize("step", PAYING)
def test_a_killed_payment_ends_as_one_charge_or_none(
    gateway: RunningGateway, buyer: Person, product: str, step: str, who: str
) -> None:
    gateway.behave("lose_callback")
    order_id, key = a_card_order(buyer, product), a_key()
    run_victim(step, order_id, buyer.token, key)
    taken = 0 if step == "pay_before_the_gateway_is_asked" else 1
    assert len(gateway.transactions(order_id)) == taken

    if who == "the same key":
        answer = pay(buyer, order_id, key=key)
        assert (answer.status, answer.json["status"]) == (201, "PENDING")
    wait_until(lambda: all(t["status"] == "SUCCESS" for t in gateway.transactions(order_id)))
    reconcile()
    follow(order_id)

    assert len(gateway.transactions(order_id)) == taken
    if taken:
        assert (status_of(order_id), statuses_of(order_id)) == ("CONFIRMED", ["SUCCEEDED"])
        assert types_of_payments(order_id) == ["PaymentRequested", "PaymentSucceeded"]
    else:
        assert (status_of(order_id), statuses_of(order_id)) == ("PENDING", ["REQUESTED"])
    assert_books_hold(product)


def test_a_payment_killed_before_the_charge_is_completed_by_its_key(
    gateway: RunningGateway, buyer: Person, product: str
) -> None:
    order_id, key = a_card_order(buyer, product), a_key()
    run_victim("pay_before_the_gateway_is_asked", order_id, buyer.token, key)
    let_the_grace_pass(order_id)

    assert pay(buyer, order_id, key=key).json["status"] == "PENDING"

    settled(order_id, "FAILED", "SUCCEEDED")
    follow(order_id)
    assert status_of(order_id) == "CONFIRMED"
    assert len(gateway.transactions(order_id)) == 1
    assert_books_hold(product)


def test_a_killed_payment_lets_its_order_expire_once_that_is_safe(
    gateway: RunningGateway, buyer: Person, product: str
) -> None:
    order_id = a_card_order(buyer, product)
    run_victim("pay_before_the_gateway_is_asked", order_id, buyer.token, a_key())
    rows("UPDATE orders SET expires_at = now() WHERE id = $1", order_id)
    assert expire() == {"expired": 0, "waiting": 1}
    let_the_grace_pass(order_id)
    reconcile()
    assert expire() == {"expired": 1, "waiting": 0}
    assert_books_hold(product)


@pytest.mark.parametrize("who", ["the event again", "the reconciler"])
@pytest.mark.parametrize("step", REFUNDING)
def test_a_killed_refund_is_completed_once(
    gateway: RunningGateway, buyer: Person, product: str, step: str, who: str
) -> None:
    order_id = a_card_order(buyer, product)
    pay(buyer, order_id)
    settled(order_id, "SUCCEEDED")
    follow(order_id)
    assert cancel(buyer, order_id).status == 200
    [cancelled] = [each for each in events_of(order_id) if each["type"] == "OrderCancelled"]
    run_victim(step, json.dumps(cancelled))
    assert statuses_of(order_id) == ["REFUND_PENDING"]

    if who == "the reconciler":
        reconcile()
    else:
        follow(order_id)

    assert statuses_of(order_id) == ["REFUNDED"]
    [transaction] = gateway.transactions(order_id)
    assert transaction["refunded_at"]
    assert types_of_payments(order_id).count("PaymentRefunded") == 1
    assert_books_hold(product)
