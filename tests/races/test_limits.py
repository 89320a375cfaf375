"""Limits of a buyer hold exactly, whatever the buyer and the admins do at once."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests.support.admin import edit_product
from tests.support.lambda_calls import Answer
from tests.support.orders import an_order, cancel, outcome, place
from tests.support.payments import a_card_order, place_by_card
from tests.support.shop import Person, a_buyer, a_key, a_product, assert_books_hold, rows, stock_of
from tests.support.threads import run_concurrently

pytestmark = pytest.mark.usefixtures("shop_environment")

KEYS = 100
TRIES = 20


def a_limited_product(limit: int, stock: int = 1000) -> str:
    product = a_product(stock=stock, price=1)
    assert edit_product(product, max_per_buyer=limit).status == 200
    return product


def units_of(buyer: Person, product: str) -> int:
    sql = """
        SELECT coalesce(sum(quantity), 0) AS units FROM order_line JOIN orders ON id = order_id
        WHERE buyer_id = $1 AND product_id = $2 AND status <> 'CANCELLED'
    """
    return int(rows(sql, buyer.user_id, product)[0].units)


def until_answered(place_one: Callable[..., Answer], *asked: Any) -> Answer:
    """Place an order, again with the same key where the turn at the lock does not come in time."""
    key = a_key()
    for _ in range(TRIES):
        answer = place_one(*asked, key=key)
        if outcome(answer) not in ("BUSY", "UNAVAILABLE", "REQUEST_IN_PROGRESS"):
            break
    return answer


def counted(answers: list[Answer]) -> Counter[str]:
    return Counter(outcome(each) for each in answers)


def test_a_hundred_keys_of_one_user_buy_no_more_than_the_limit() -> None:
    product, buyer = a_limited_product(7), a_buyer(points=1000)
    answers = run_concurrently([partial(until_answered, place, buyer, (product, 2))] * KEYS)
    assert counted(answers) == {"201": 3, "PURCHASE_LIMIT": KEYS - 3}
    refused = [each.json for each in answers if each.status == 409]
    assert {(each["limit"], each["requested"]) for each in refused} == {(7, 2)}
    assert all(each["already"] + 2 > 7 for each in refused)
    assert (units_of(buyer, product), stock_of(product)) == (6, 994)
    assert_books_hold(product, users=[buyer.user_id])


def test_a_hundred_keys_of_one_user_leave_three_unpaid_orders() -> None:
    product, buyer = a_product(stock=1000, price=1), a_buyer()
    answers = run_concurrently([partial(until_answered, place_by_card, buyer, (product, 9))] * KEYS)
    assert counted(answers) == {"201": 3, "TOO_MANY_UNPAID_ORDERS": KEYS - 3}
    assert stock_of(product) == 1000 - 27
    assert_books_hold(product, users=[buyer.user_id])


def test_two_limited_products_in_opposite_order_never_deadlock() -> None:
    first, second = a_limited_product(5), a_limited_product(5)
    buyers = [a_buyer(points=1000) for _ in range(4)]
    there, back = [(first, 1), (second, 1)], [(second, 1), (first, 1)]
    answers = run_concurrently(
        [
            partial(until_answered, place, buyers[number % 4], *(there if number % 8 < 4 else back))
            for number in range(40)
        ]
    )
    assert counted(answers) == {"201": 20, "PURCHASE_LIMIT": 20}
    assert {units_of(buyer, each) for buyer in buyers for each in (first, second)} == {5}
    assert_books_hold(first, second, users=[buyer.user_id for buyer in buyers])


@pytest.mark.parametrize("round_", range(3))
def test_a_cancellation_frees_its_units_once_for_those_who_order(round_: int) -> None:
    product, buyer = a_limited_product(2), a_buyer(points=1000)
    orders = [an_order(buyer, (product, 1)) for _ in range(2)]
    outcomes = run_concurrently(
        [
            *[partial(until_answered, place, buyer, (product, 1)) for _ in range(10)],
            *[partial(cancel, buyer, each) for each in orders],
        ]
    )
    placed = counted(outcomes[:10])
    assert [each.status for each in outcomes[10:]] == [200, 200]
    assert placed["201"] <= 2
    assert set(placed) <= {"201", "PURCHASE_LIMIT"}
    assert units_of(buyer, product) == placed["201"]
    assert_books_hold(product, users=[buyer.user_id])


@pytest.mark.parametrize("round_", range(3))
def test_a_limit_lowered_meanwhile_only_stops_more(round_: int) -> None:
    product, buyer = a_limited_product(50), a_buyer(points=1000)
    lower = partial(edit_product, product, max_per_buyer=3)
    answers = run_concurrently(
        [
            *[partial(until_answered, place, buyer, (product, 1)) for _ in range(20)],
            lower,
            *[partial(until_answered, place, buyer, (product, 1)) for _ in range(20)],
        ]
    )
    edited = answers.pop(20)
    assert edited.status == 200
    placed = counted(answers)
    assert set(placed) <= {"201", "PURCHASE_LIMIT"}
    assert units_of(buyer, product) == placed["201"] >= 3
    assert outcome(place(buyer, (product, 1))) == "PURCHASE_LIMIT"
    assert_books_hold(product, users=[buyer.user_id])


def test_lapses_of_the_same_moment_start_the_cool_down_once() -> None:
    product, buyer = a_product(stock=100, price=1), a_buyer()
    orders = [a_card_order(buyer, product) for _ in range(3)]
    run_concurrently([partial(cancel, buyer, each) for each in orders])
    answers = run_concurrently([partial(until_answered, place_by_card, buyer, (product, 1))] * 20)
    assert counted(answers) == {"HOLD_COOLDOWN": 20}
    assert stock_of(product) == 100
    assert_books_hold(product, users=[buyer.user_id])
