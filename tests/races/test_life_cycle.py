"""Changes of an order, raced on real connections: one of them wins, and returns once."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest

from tests.support.lambda_calls import Answer
from tests.support.orders import (
    a_pending_order,
    an_order,
    cancel,
    cancel_as_admin,
    confirm,
    deliver,
    expire,
    history_of,
    outcome,
    place,
    ship,
    status_of,
    types_of,
)
from tests.support.shop import (
    Person,
    a_buyer,
    a_key,
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


def race(*calls: Callable[[], Answer]) -> Counter[str]:
    return Counter(outcome(answer) for answer in run_concurrently(calls))


def alternate(*calls: Callable[[], Answer]) -> list[Callable[[], Answer]]:
    return [calls[number % len(calls)] for number in range(THREADS)]


def test_an_order_cancelled_many_times_at_once_is_refunded_once() -> None:
    product, buyer = a_product(stock=5, price=100), a_buyer(points=1_000)
    order_id = an_order(buyer, (product, 2))

    assert race(*[partial(cancel, buyer, order_id)] * THREADS) == {
        "200": 1,
        "ORDER_NOT_CANCELLABLE": THREADS - 1,
    }

    assert (stock_of(product), balance_of(buyer.user_id)) == (5, 1_000)
    assert [status for status, _, _ in history_of(order_id)] == ["CONFIRMED", "CANCELLED"]
    assert types_of(order_id) == ["OrderPlaced", "OrderConfirmed", "OrderCancelled"]
    assert_books_hold(product, users=[buyer.user_id])


def test_one_key_is_one_cancellation_with_the_same_answer() -> None:
    product, buyer, key = a_product(stock=5, price=100), a_buyer(points=1_000), a_key()
    order_id = an_order(buyer, (product, 2))

    def press_until_answered() -> Answer:
        while True:
            answer = cancel(buyer, order_id, key=key)
            if outcome(answer) != "REQUEST_IN_PROGRESS":
                return answer

    answers = run_concurrently([press_until_answered] * THREADS)

    assert {answer.status for answer in answers} == {200}
    assert all(answer.json == answers[0].json for answer in answers)
    replayed = Counter(answer.headers.get("idempotency-replayed") for answer in answers)
    assert replayed == {None: 1, "true": THREADS - 1}
    assert (stock_of(product), balance_of(buyer.user_id)) == (5, 1_000)
    assert_books_hold(product, users=[buyer.user_id])


@pytest.mark.parametrize("repetition", range(3))
def test_an_order_is_shipped_or_cancelled_by_its_buyer_never_both(repetition: int) -> None:
    product, buyer, admin = a_product(stock=5, price=100), a_buyer(points=1_000), an_admin()
    order_id = an_order(buyer, (product, 2))

    outcomes = race(*alternate(partial(cancel, buyer, order_id), partial(ship, admin, order_id)))

    assert outcomes == {"200": 1, "ORDER_NOT_CANCELLABLE": 10, "ORDER_NOT_SHIPPABLE": 9} or (
        outcomes == {"200": 1, "ORDER_NOT_CANCELLABLE": 9, "ORDER_NOT_SHIPPABLE": 10}
    )
    left = {"SHIPPED": (3, 800), "CANCELLED": (5, 1_000)}
    assert (stock_of(product), balance_of(buyer.user_id)) == left[status_of(order_id)]
    assert len(history_of(order_id)) == 2
    assert_books_hold(product, users=[buyer.user_id])


def test_a_shipped_order_is_delivered_or_cancelled_never_both() -> None:
    product, buyer, admin = a_product(stock=5, price=100), a_buyer(points=1_000), an_admin()
    order_id = an_order(buyer, (product, 2))
    ship(admin, order_id)

    outcomes = race(
        *alternate(partial(cancel_as_admin, admin, order_id), partial(deliver, admin, order_id))
    )

    assert outcomes["200"] == 1
    assert set(outcomes) == {"200", "ORDER_NOT_CANCELLABLE", "ORDER_NOT_DELIVERABLE"}
    left = {"DELIVERED": (3, 800), "CANCELLED": (3, 1_000)}  # what was shipped is not restocked
    assert (stock_of(product), balance_of(buyer.user_id)) == left[status_of(order_id)]
    assert_books_hold(product, users=[buyer.user_id])


def cancel_it(order_id: str) -> str:
    return outcome(cancel_as_admin(an_admin(), order_id))


@pytest.mark.parametrize("repetition", range(3))
def test_an_unpaid_order_is_cancelled_or_expires_never_both(repetition: int) -> None:
    product, buyer = a_product(stock=5, price=100), a_buyer(points=1_000)
    order_id = a_pending_order(buyer, product, points=30)

    calls = [partial(cancel_it, order_id), partial(expire, order_id)] * 10
    outcomes = Counter(run_concurrently(calls))

    assert outcomes["200"] + outcomes["CANCELLED"] == 1
    assert outcomes["ORDER_NOT_CANCELLABLE"] + outcomes["ORDER_NOT_EXPIRABLE"] == 19
    assert (stock_of(product), balance_of(buyer.user_id)) == (5, 1_000)
    assert len(history_of(order_id)) == 2
    assert_books_hold(product, users=[buyer.user_id])


@pytest.mark.parametrize("repetition", range(3))
def test_a_payment_and_the_expiry_exclude_each_other(repetition: int) -> None:
    product, buyer = a_product(stock=5, price=100), a_buyer(points=1_000)
    order_id = a_pending_order(buyer, product, points=30)

    calls = [partial(confirm, order_id), partial(expire, order_id)] * 10
    outcomes = Counter(run_concurrently(calls))

    assert outcomes["CONFIRMED"] + outcomes["CANCELLED"] == 1
    left = {"CONFIRMED": (4, 970), "CANCELLED": (5, 1_000)}
    assert (stock_of(product), balance_of(buyer.user_id)) == left[status_of(order_id)]
    assert_books_hold(product, users=[buyer.user_id])


def test_an_order_does_not_expire_while_there_is_time() -> None:
    product, buyer = a_product(stock=5, price=100), a_buyer(points=1_000)
    order_id = a_pending_order(buyer, product, points=30, expires_in=timedelta(minutes=15))
    assert run_concurrently([partial(expire, order_id)] * 3) == ["ORDER_NOT_EXPIRABLE"] * 3
    assert status_of(order_id) == "PENDING"
    assert_books_hold(product, users=[buyer.user_id])


def test_returned_units_are_sold_again_and_never_oversold() -> None:
    product = a_product(stock=10, price=100)
    sellers = [a_buyer(points=100) for _ in range(10)]
    orders = [an_order(seller, (product, 1)) for seller in sellers]
    assert stock_of(product) == 0
    buyers = [a_buyer(points=100) for _ in range(10)]

    outcomes = race(
        *(
            call
            for seller, order_id, buyer in zip(sellers, orders, buyers, strict=True)
            for call in (partial(cancel, seller, order_id), partial(place, buyer, (product, 1)))
        )
    )

    assert outcomes["200"] == 10
    assert outcomes["201"] + outcomes["OUT_OF_STOCK"] == 10
    assert stock_of(product) == 10 - outcomes["201"]
    assert sum(balance_of(each.user_id) for each in buyers) == 100 * outcomes["OUT_OF_STOCK"]
    assert [balance_of(each.user_id) for each in sellers] == [100] * 10
    assert_books_hold(product, users=[each.user_id for each in (*sellers, *buyers)])


def test_orders_and_cancellations_in_opposite_order_never_deadlock() -> None:
    first, second = a_product(stock=1_000, price=1), a_product(stock=1_000, price=1)
    buyer = a_buyer(points=1_000)
    there, back = [(first, 1), (second, 2)], [(second, 2), (first, 1)]
    orders = [an_order(buyer, *(there if number % 2 else back)) for number in range(10)]

    outcomes = race(
        *(
            call
            for number, order_id in enumerate(orders)
            for call in (
                partial(cancel, buyer, order_id),
                partial(place, buyer, *(back if number % 2 else there)),
            )
        )
    )

    assert outcomes == {"200": 10, "201": 10}
    assert (stock_of(first), stock_of(second)) == (990, 980)
    assert balance_of(buyer.user_id) == 970
    assert_books_hold(first, second, users=[buyer.user_id])


def test_one_account_gets_all_its_points_back() -> None:
    product, buyer = a_product(stock=100, price=10), a_buyer(points=200)
    orders = [an_order(buyer, (product, 1)) for _ in range(THREADS)]
    assert balance_of(buyer.user_id) == 0

    assert race(*(partial(cancel, buyer, order_id) for order_id in orders)) == {"200": THREADS}

    assert (stock_of(product), balance_of(buyer.user_id)) == (100, 200)
    [account] = rows("SELECT version FROM point_account WHERE user_id = $1", buyer.user_id)
    assert account.version == 1 + 2 * THREADS
    assert_books_hold(product, users=[buyer.user_id])


def test_the_books_hold_during_concurrent_changes() -> None:
    product, buyers = a_product(stock=50, price=10), [a_buyer(points=100) for _ in range(8)]
    users = [each.user_id for each in buyers]

    def buy_and_cancel(buyer: Person) -> None:
        for _ in range(5):
            assert cancel(buyer, an_order(buyer, (product, 2))).status == 200

    def look() -> None:
        for _ in range(30):
            assert_books_hold(product, users=users)

    calls: list[Callable[[], None]] = [partial(buy_and_cancel, buyer) for buyer in buyers]
    run_concurrently([*calls, look, look])

    assert stock_of(product) == 50
    assert_books_hold(product, users=users)
