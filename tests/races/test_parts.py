"""Parts of an order, cancelled by many at once on real connections: each unit goes back once."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests.support.gateway import RunningGateway
from tests.support.lambda_calls import Answer
from tests.support.orders import an_order, cancel, events_of, outcome, ship, status_of
from tests.support.payments import (
    CONSUMERS,
    consume,
    follow,
    pay,
    place_by_card,
    reconcile,
    settled,
)
from tests.support.shop import (
    Person,
    a_buyer,
    a_product,
    an_admin,
    assert_books_hold,
    balance_of,
    rows,
    stock_of,
)
from tests.support.threads import run_concurrently

pytestmark = pytest.mark.usefixtures("shop_environment")

THREADS = 20


def part(buyer: Person, order_id: str, product: str, units: int = 1) -> Answer:
    lines = [{"product_id": product, "quantity": units}]
    return cancel(buyer, order_id, body={"lines": lines})


def race(*calls: Callable[[], Answer]) -> Counter[str]:
    return Counter(outcome(answer) for answer in run_concurrently(calls))


def refunds_at(gateway: RunningGateway, order_id: str) -> list[int]:
    """Return the amounts of the refunds that the gateway has made, in their order."""
    [transaction] = gateway.transactions(order_id)
    return [each["amount"] for each in transaction["refunds"]]


def an_order_by_card(buyer: Person, product: str, units: int, points: int = 0) -> str:
    placed = place_by_card(buyer, (product, units), points=points)
    order_id = str(placed.json["order_id"])
    assert pay(buyer, order_id).status == 201
    settled(order_id, "SUCCEEDED")
    follow(order_id)
    assert status_of(order_id) == "CONFIRMED"
    return order_id


@pytest.mark.parametrize("repetition", range(3))
def test_one_line_cancelled_by_many_at_once_goes_back_once(repetition: int) -> None:
    product, buyer = a_product(stock=12, price=100), a_buyer(points=2_000)
    order_id = an_order(buyer, (product, 12))

    outcomes = race(*[partial(part, buyer, order_id, product, 2)] * THREADS)

    assert outcomes["200"] == 6
    assert outcomes["200"] + outcomes["ORDER_NOT_CANCELLABLE"] == THREADS
    assert (status_of(order_id), stock_of(product), balance_of(buyer.user_id)) == (
        "CANCELLED",
        12,
        2_000,
    )
    assert_books_hold(product, users=[buyer.user_id])


def test_units_beyond_what_is_left_are_refused_to_all_at_once() -> None:
    product, buyer = a_product(stock=13, price=100), a_buyer(points=2_000)
    order_id = an_order(buyer, (product, 13))

    outcomes = race(*[partial(part, buyer, order_id, product, 2)] * THREADS)

    assert outcomes == {"200": 6, "NOTHING_LEFT": THREADS - 6}
    assert (stock_of(product), balance_of(buyer.user_id)) == (12, 1_900)
    assert_books_hold(product, users=[buyer.user_id])


@pytest.mark.parametrize("repetition", range(3))
def test_what_is_shipped_is_what_was_not_cancelled(repetition: int) -> None:
    product, buyer, admin = a_product(stock=10, price=100), a_buyer(points=1_000), an_admin()
    order_id = an_order(buyer, (product, 10))

    outcomes = race(
        *[partial(part, buyer, order_id, product)] * 8, *[partial(ship, admin, order_id)] * 2
    )

    cancelled = outcomes["200"] - 1
    assert outcomes["ORDER_NOT_SHIPPABLE"] == 1
    assert outcomes["ORDER_NOT_CANCELLABLE"] == 8 - cancelled
    assert (stock_of(product), balance_of(buyer.user_id)) == (cancelled, 100 * cancelled)
    [stock] = rows("SELECT on_hand FROM stock WHERE product_id = $1", product)
    assert (status_of(order_id), stock.on_hand) == ("SHIPPED", cancelled)
    assert_books_hold(product, users=[buyer.user_id])


def test_parts_and_the_whole_refund_all_of_a_card_and_no_more(gateway: RunningGateway) -> None:
    product, buyer = a_product(stock=10, price=100), a_buyer(points=1_000)
    order_id = an_order_by_card(buyer, product, 10, points=450)

    outcomes = race(
        *[partial(part, buyer, order_id, product)] * 6, *[partial(cancel, buyer, order_id)] * 2
    )
    follow(order_id)

    assert outcomes["200"] + outcomes["ORDER_NOT_CANCELLABLE"] == 8
    assert status_of(order_id) == "CANCELLED"
    assert (stock_of(product), balance_of(buyer.user_id)) == (10, 1_000)
    assert sum(refunds_at(gateway, order_id)) == 550
    assert_books_hold(product, users=[buyer.user_id])


@pytest.mark.usefixtures("own_shop")
def test_refunds_are_made_once_by_all_who_request_them_at_once(gateway: RunningGateway) -> None:
    product, buyer = a_product(stock=10, price=100), a_buyer()
    order_id = an_order_by_card(buyer, product, 10)
    for _ in range(3):
        assert part(buyer, order_id, product).status == 200
    events = [dict(each) for each in events_of(order_id) if each["type"] == "OrderLinesCancelled"]

    def deliver(envelope: dict[str, Any]) -> bool:
        return consume(CONSUMERS[envelope["type"]], envelope)

    def ask() -> bool:
        return reconcile()["failed"] == 0

    calls = [partial(deliver, each) for each in events] * 4
    assert all(run_concurrently([*calls, ask, ask]))

    assert refunds_at(gateway, order_id) == [100, 100, 100]
    [payment] = rows(
        "SELECT status, refund_requested_amount AS requested, refunded_amount AS refunded"
        " FROM payment WHERE order_id = $1",
        order_id,
    )
    assert (payment.status, payment.requested, payment.refunded) == ("SUCCEEDED", 300, 300)
    assert_books_hold(product, users=[buyer.user_id])
