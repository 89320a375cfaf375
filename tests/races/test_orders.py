"""Orders raced on real connections: exact counts, and books that hold."""

from collections import Counter
from functools import partial
from typing import Any

import pytest

from tests.support.lambda_calls import Answer, call
from tests.support.shop import (
    Person,
    a_buyer,
    a_key,
    a_product,
    assert_books_hold,
    balance_of,
    rows,
    stock_of,
    units_ordered,
)
from tests.support.threads import run_concurrently

pytestmark = pytest.mark.usefixtures("shop_environment")


def order(buyer: Person, *lines: tuple[str, int], key: str | None = None) -> Answer:
    body: dict[str, Any] = {
        "lines": [{"product_id": id_, "quantity": quantity} for id_, quantity in lines],
        "payment_method": "POINT",
    }
    return call(
        "order/place_order", "POST", "/orders", body=body, token=buyer.token, key=key or a_key()
    )


def outcomes(answers: list[Answer]) -> Counter[str]:
    return Counter(
        str(answer.status) if answer.status == 201 else answer.json["code"] for answer in answers
    )


def test_the_last_unit_is_sold_once() -> None:
    product = a_product(stock=1, price=100)
    buyers = [a_buyer(points=100) for _ in range(100)]

    answers = run_concurrently([partial(order, buyer, (product, 1)) for buyer in buyers])

    assert outcomes(answers) == {"201": 1, "OUT_OF_STOCK": 99}
    assert stock_of(product) == 0
    assert units_ordered(product) == 1
    assert sum(balance_of(buyer.user_id) for buyer in buyers) == 99 * 100
    assert_books_hold(product, users=[buyer.user_id for buyer in buyers])


def test_a_refusal_names_requested_and_available_units() -> None:
    product = a_product(stock=1, price=100)
    buyers = [a_buyer(points=100) for _ in range(10)]

    answers = run_concurrently([partial(order, buyer, (product, 1)) for buyer in buyers])

    refused = [answer for answer in answers if answer.status == 409]
    assert [answer.json["errors"] for answer in refused] == [
        [{"product_id": product, "requested": 1, "available": 0}]
    ] * 9
    assert_books_hold(product, users=[buyer.user_id for buyer in buyers])


@pytest.mark.parametrize(
    ("quantity", "succeed", "left"), [(5, 10, 50), (15, 6, 10)], ids=["ten by 5", "ten by 15"]
)
def test_stock_of_100_is_shared_exactly(quantity: int, succeed: int, left: int) -> None:
    product = a_product(stock=100, price=10)
    buyers = [a_buyer(points=1000) for _ in range(10)]

    answers = run_concurrently([partial(order, buyer, (product, quantity)) for buyer in buyers])

    expected = Counter({"201": succeed, "OUT_OF_STOCK": 10 - succeed})
    assert outcomes(answers) == +expected
    assert stock_of(product) == left
    assert_books_hold(product, users=[buyer.user_id for buyer in buyers])


def test_orders_of_two_products_in_opposite_order_never_deadlock() -> None:
    first, second = a_product(stock=1000, price=1), a_product(stock=1000, price=1)
    buyers = [a_buyer(points=1000) for _ in range(50)]
    there, back = [(first, 1), (second, 1)], [(second, 1), (first, 1)]

    answers = run_concurrently(
        [
            partial(order, buyer, *(there if number % 2 else back))
            for number, buyer in enumerate(buyers)
        ]
    )

    assert outcomes(answers) == {"201": 50}
    assert (stock_of(first), stock_of(second)) == (950, 950)
    assert_books_hold(first, second, users=[buyer.user_id for buyer in buyers])


def test_one_account_pays_only_for_what_it_covers() -> None:
    product = a_product(stock=100, price=10_000)
    buyer = a_buyer(points=50_000)

    answers = run_concurrently([partial(order, buyer, (product, 1)) for _ in range(10)])

    assert outcomes(answers) == {"201": 5, "INSUFFICIENT_POINTS": 5}
    assert balance_of(buyer.user_id) == 0
    assert stock_of(product) == 95
    assert_books_hold(product, users=[buyer.user_id])


def test_one_key_is_one_order_with_the_same_answer() -> None:
    product = a_product(stock=100, price=10)
    buyer = a_buyer(points=1000)
    key = a_key()

    def press_until_answered() -> Answer:
        while True:
            answer = order(buyer, (product, 1), key=key)
            if answer.json.get("code") != "REQUEST_IN_PROGRESS":
                return answer
            assert answer.headers["retry-after"] == "1"

    answers = run_concurrently([press_until_answered for _ in range(10)])

    assert {answer.status for answer in answers} == {201}
    assert all(answer.json == answers[0].json for answer in answers)
    replayed = [answer.headers.get("idempotency-replayed") for answer in answers]
    assert Counter(replayed) == {None: 1, "true": 9}
    assert stock_of(product) == 99
    assert balance_of(buyer.user_id) == 990
    assert len(rows("SELECT id FROM orders WHERE buyer_id = $1", buyer.user_id)) == 1
    assert_books_hold(product, users=[buyer.user_id])


def test_one_key_is_one_order_where_a_second_could_not_be_paid() -> None:
    product = a_product(stock=100, price=10)
    buyer = a_buyer(points=15)  # the second run would be refused: it must find the first's answer
    key = a_key()

    answers = run_concurrently([partial(order, buyer, (product, 1), key=key) for _ in range(10)])

    assert {answer.status for answer in answers} == {201}
    assert all(answer.json == answers[0].json for answer in answers)
    replayed = [answer.headers.get("idempotency-replayed") for answer in answers]
    assert Counter(replayed) == {None: 1, "true": 9}
    assert stock_of(product) == 99
    assert balance_of(buyer.user_id) == 5
    assert_books_hold(product, users=[buyer.user_id])
