"""Payments in each other's way: one outcome, one charge, one event."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests.support.gateway import RunningGateway
from tests.support.orders import cancel, status_of, types_of
from tests.support.other_connection import wait_until
from tests.support.payments import (
    a_callback,
    a_card_order,
    consume,
    events_of_payments,
    expire,
    follow,
    pay,
    payments_of,
    reconcile,
    statuses_of,
    sync,
    types_of_payments,
    use_up_tries,
)
from tests.support.shop import (
    Person,
    a_buyer,
    a_key,
    a_product,
    an_admin,
    assert_books_hold,
    rows,
    stock_of,
)
from tests.support.threads import run_concurrently

pytestmark = pytest.mark.usefixtures("own_shop")

THREADS = 20


@pytest.fixture
def buyer() -> Person:
    return a_buyer()


@pytest.fixture
def product() -> str:
    return a_product(stock=1, price=500)


def a_charged_order(gateway: RunningGateway, buyer: Person, product: str) -> str:
    gateway.behave("lose_callback")
    order_id = a_card_order(buyer, product)
    assert pay(buyer, order_id).status == 201
    wait_until(lambda: gateway.transactions(order_id)[0]["status"] == "SUCCESS")
    return order_id


def test_callback_reconciler_and_sync_settle_once(
    gateway: RunningGateway, buyer: Person, product: str
) -> None:
    order_id, admin = a_charged_order(gateway, buyer, product), an_admin()
    [transaction], [payment] = gateway.transactions(order_id), payments_of(order_id)
    ways: list[Callable[[], Any]] = [
        lambda: a_callback(gateway, transaction).status,
        lambda: sync(admin, str(payment.id)).status,
        lambda: reconcile()["failed"],
    ]
    outcomes = run_concurrently([ways[number % 3] for number in range(THREADS)])
    assert set(outcomes) == {200, 0}
    assert types_of_payments(order_id) == ["PaymentRequested", "PaymentSucceeded"]
    follow(order_id)
    assert types_of(order_id) == ["OrderPlaced", "OrderConfirmed"]
    assert_books_hold(product)


@pytest.mark.parametrize("keys", ["one key", "a key each"])
def test_an_order_paid_by_many_at_once_is_charged_once(
    gateway: RunningGateway,
    idempotency_store_is_down: None,
    buyer: Person,
    product: str,
    keys: str,
) -> None:
    gateway.behave("lose_callback")
    order_id, key = a_card_order(buyer, product), a_key()
    one = keys == "one key"
    answers = run_concurrently(
        [lambda: pay(buyer, order_id, key=key if one else a_key()) for _ in range(THREADS)]
    )
    counted = Counter(each.status for each in answers)
    assert counted == ({201: THREADS} if one else {201: 1, 409: THREADS - 1})
    if one:
        assert len({each.json["payment_id"] for each in answers}) == 1
    assert gateway.outcomes(order_id) == ["taken"]
    assert len(payments_of(order_id)) == 1


@pytest.mark.parametrize("round_", range(3))
def test_an_order_has_three_declined_payments_however_many_pay_at_once(
    gateway: RunningGateway, buyer: Person, product: str, round_: int
) -> None:
    gateway.behave("refuse")
    order_id = a_card_order(buyer, product)
    answers = run_concurrently([lambda: pay(buyer, order_id)] * THREADS)
    while pay(buyer, order_id).status == 201:
        pass
    assert {each.json["code"] for each in answers if each.status != 201} <= {"ORDER_NOT_PAYABLE"}
    assert statuses_of(order_id) == ["FAILED"] * 3
    failed = [each for each in events_of_payments(order_id) if each["type"] == "PaymentFailed"]
    run_concurrently([partial(consume, "order/on_payment_failed", each) for each in failed * 4])
    assert (status_of(order_id), stock_of(product)) == ("CANCELLED", 1)
    assert types_of(order_id) == ["OrderPlaced", "OrderCancelled"]
    assert_books_hold(product)


@pytest.mark.parametrize("round_", range(5))
def test_the_last_decline_and_the_expiry_give_the_unit_back_once(
    gateway: RunningGateway, buyer: Person, product: str, round_: int
) -> None:
    order_id = a_card_order(buyer, product)
    use_up_tries(gateway, buyer, order_id)
    rows("UPDATE orders SET expires_at = now() WHERE id = $1", order_id)
    failed = [each for each in events_of_payments(order_id) if each["type"] == "PaymentFailed"]
    run_concurrently(
        [
            *[expire] * 3,
            *[lambda: consume("order/on_payment_failed", failed[-1])] * 3,
            lambda: cancel(buyer, order_id).status,
        ]
    )
    assert (status_of(order_id), stock_of(product)) == ("CANCELLED", 1)
    assert types_of(order_id) == ["OrderPlaced", "OrderCancelled"]
    assert_books_hold(product)


def test_a_result_received_many_times_confirms_once(
    gateway: RunningGateway, buyer: Person, product: str
) -> None:
    order_id = a_charged_order(gateway, buyer, product)
    reconcile()
    [event] = [e for e in events_of_payments(order_id) if e["type"] == "PaymentSucceeded"]
    consumed = run_concurrently([lambda: consume("order/on_payment_succeeded", event)] * 8)
    assert consumed == [True] * 8
    assert types_of(order_id) == ["OrderPlaced", "OrderConfirmed"]
    assert_books_hold(product)


@pytest.mark.parametrize("round_", range(5))
def test_an_order_is_paid_or_expires_never_both(
    gateway: RunningGateway, buyer: Person, product: str, round_: int
) -> None:
    """Payable for a moment yet: whoever comes first decides, and nobody is charged in vain."""
    gateway.behave("lose_callback")
    order_id = a_card_order(buyer, product)
    rows(f"UPDATE orders SET expires_at = now() + interval '{20 * round_} ms' WHERE id = $1",
         order_id)  # fmt: skip
    run_concurrently([lambda: pay(buyer, order_id), *[expire] * 4])
    if payments_of(order_id):
        assert status_of(order_id) == "PENDING"
        wait_until(lambda: gateway.transactions(order_id)[0]["status"] == "SUCCESS")
        reconcile()
        follow(order_id)
        assert (status_of(order_id), statuses_of(order_id)) == ("CONFIRMED", ["SUCCEEDED"])
    else:
        expire()
        assert status_of(order_id) == "CANCELLED"
        assert gateway.transactions(order_id) == []
    assert_books_hold(product)


@pytest.mark.parametrize("round_", range(5))
def test_an_order_cancelled_during_its_charge_is_refunded(
    gateway: RunningGateway, buyer: Person, product: str, round_: int
) -> None:
    order_id = a_charged_order(gateway, buyer, product)
    reconcile()
    [event] = [e for e in events_of_payments(order_id) if e["type"] == "PaymentSucceeded"]
    run_concurrently(
        [
            lambda: cancel(buyer, order_id).status,
            *[lambda: consume("order/on_payment_succeeded", event)] * 3,
        ]
    )
    follow(order_id)
    assert (status_of(order_id), statuses_of(order_id)) == ("CANCELLED", ["REFUNDED"])
    assert types_of_payments(order_id).count("PaymentRefunded") == 1
    assert gateway.transactions(order_id)[0]["refunded_at"]
    assert stock_of(product) == 1
    assert_books_hold(product)


def test_simultaneous_expiry_runs_cancel_each_order_once(
    gateway: RunningGateway, buyer: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAX_UNPAID_ORDERS", "10")
    product = a_product(stock=10, price=500)
    orders = [a_card_order(buyer, product) for _ in range(10)]
    rows("UPDATE orders SET expires_at = now() WHERE buyer_id = $1", buyer.user_id)
    done = run_concurrently([expire] * 6)
    assert sum(each["expired"] for each in done) == 10
    assert {status_of(each) for each in orders} == {"CANCELLED"}
    assert stock_of(product) == 10
    assert_books_hold(product)
