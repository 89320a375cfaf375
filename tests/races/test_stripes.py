"""Buyers of one product whose stock is dealt out to stripes: exact counts, and no false refusal."""

import random
from collections import Counter
from collections.abc import Sequence
from functools import partial
from itertools import cycle
from threading import Event

import pytest

from tests.support.lambda_calls import Answer
from tests.support.orders import cancel, outcome, place
from tests.support.shop import (
    Person,
    a_buyer,
    a_product,
    a_striped_product,
    assert_books_hold,
    events_about,
    rows,
    set_stripes,
    stock_of,
    units_ordered,
)
from tests.support.threads import run_concurrently

pytestmark = pytest.mark.usefixtures("own_shop")

THREADS = 25
TURNS = ("StockReturned", "StockSoldOut")  # an admin counts it, buyers take it, and so on


def buyers_with(points: int, count: int) -> list[Person]:
    return [a_buyer(points) for _ in range(count)]


def buy(buyer: Person, *lines: tuple[str, int]) -> Answer:
    """Place an order as a client does that repeats after 503."""
    while True:
        answer = place(buyer, *lines)
        if answer.status != 503:
            return answer


def one_after_the_other(buyers: Sequence[Person], *lines: tuple[str, int]) -> list[Answer]:
    return [buy(buyer, *lines) for buyer in buyers]


def in_groups(buyers: Sequence[Person], size: int) -> list[Sequence[Person]]:
    return [buyers[at : at + size] for at in range(0, len(buyers), size)]


def deadlocks() -> int:
    sql = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    return int(rows(sql)[0].deadlocks)


def assert_turned_in_turns(product: str) -> None:
    """Returned and sold out by turns, each event once, in the order of its versions."""
    events = events_about(product, *TURNS)
    assert [each["type"] for each in events] == [kind for kind, _ in zip(cycle(TURNS), events)]
    versions = [each["aggregate_version"] for each in events]
    assert versions == sorted(set(versions))
    assert events[-1]["type"] == "StockSoldOut"


@pytest.mark.parametrize("stripes", [2, 16])
def test_sixty_striped_units_go_to_sixty_of_120_buyers(stripes: int) -> None:
    product, buyers = a_striped_product(stripes, stock=60, price=1), buyers_with(1, 120)

    answers = run_concurrently(
        [partial(one_after_the_other, group, (product, 1)) for group in in_groups(buyers, 8)]
    )

    found = [answer for group in answers for answer in group]
    assert Counter(map(outcome, found)) == {"201": 60, "OUT_OF_STOCK": 60}
    refused = [answer.json["errors"] for answer in found if answer.status == 409]
    nothing_left = [{"product_id": product, "requested": 1, "available": 0}]
    assert refused == [nothing_left] * 60
    assert (stock_of(product), units_ordered(product), deadlocks()) == (0, 60, 0)
    assert [each["type"] for each in events_about(product, *TURNS)] == [*TURNS]
    assert_books_hold(product, users=[buyer.user_id for buyer in buyers])


def buy_what_is_left(product: str, buyers: Sequence[Person], seed: int) -> list[int]:
    """Ask for one to three units, and for what is left where that is less; how many were had."""
    chance, had = random.Random(seed), list[int]()  # noqa: S311
    for buyer in buyers:
        wanted = chance.randint(1, 3)
        while wanted:
            answer = buy(buyer, (product, wanted))
            if answer.status == 201:
                had.append(wanted)
                break
            [short] = answer.json["errors"]
            assert (short["requested"], short["available"] < wanted) == (wanted, True)
            wanted = short["available"]
    return had


@pytest.mark.parametrize("stripes", [16])
def test_taking_the_remaining_units_leaves_none(stripes: int) -> None:
    product, buyers = a_striped_product(stripes, stock=150, price=1), buyers_with(3, 150)

    groups = in_groups(buyers, 6)
    had = run_concurrently(
        [partial(buy_what_is_left, product, group, seed) for seed, group in enumerate(groups)]
    )

    assert sum(map(sum, had)) == units_ordered(product) == 150
    assert (stock_of(product), deadlocks()) == (0, 0)
    assert [each["type"] for each in events_about(product, *TURNS)] == [*TURNS]
    assert_books_hold(product, users=[buyer.user_id for buyer in buyers])


def buy_and_think_again(product: str, buyers: Sequence[Person], seed: int) -> None:
    """Each buys until refused; some call their order off, and its units are there for others."""
    chance = random.Random(seed)  # noqa: S311
    for buyer in buyers:
        answer = buy(buyer, (product, chance.randint(1, 2)))
        if answer.status == 201 and chance.random() < 0.4:
            assert cancel(buyer, answer.json["order_id"]).status == 200


def test_returned_units_of_a_striped_stock_are_sold_again() -> None:
    product, buyers = a_striped_product(8, stock=60, price=1), buyers_with(100, 120)

    groups = in_groups(buyers, 5)
    run_concurrently(
        [partial(buy_and_think_again, product, group, seed) for seed, group in enumerate(groups)]
    )

    last = a_buyer(100)
    while buy(last, (product, 1)).status == 201:
        continue
    kept = rows(
        "SELECT coalesce(sum(quantity), 0) AS units FROM order_line JOIN orders ON id = order_id"
        " WHERE product_id = $1 AND status = 'CONFIRMED'",
        product,
    )
    assert (int(kept[0].units), stock_of(product), deadlocks()) == (60, 0, 0)
    assert_turned_in_turns(product)
    assert_books_hold(product, users=[each.user_id for each in (*buyers, last)])


def test_striped_orders_in_opposite_order_never_deadlock() -> None:
    striped = [a_striped_product(4, stock=120, price=1) for _ in range(2)]
    plain, buyers = a_product(stock=200, price=1), buyers_with(100, 50)
    there = [(striped[0], 1), (plain, 1), (striped[1], 2)]

    answers = run_concurrently(
        [
            partial(one_after_the_other, group, *(there if number % 2 else there[::-1]))
            for number, group in enumerate(in_groups([*buyers, *buyers], 5))
        ]
    )

    found = Counter(outcome(answer) for group in answers for answer in group)
    assert found == {"201": 60, "OUT_OF_STOCK": 40}
    assert [stock_of(each) for each in (*striped, plain)] == [60, 0, 140]
    assert deadlocks() == 0
    assert_books_hold(*striped, plain, users=[buyer.user_id for buyer in buyers])


def test_stripes_added_and_removed_during_a_spike_lose_no_unit() -> None:
    product, buyers = a_product(stock=150, price=1), buyers_with(1, 200)
    is_over = Event()

    def rush(group: Sequence[Person]) -> list[Answer]:
        return one_after_the_other(group, (product, 1))

    def deal_anew() -> list[Answer]:
        numbers = cycle((16, 1, 4, 64, 2))
        while not is_over.is_set():
            set_stripes(product, next(numbers))
        return []

    def sell_out() -> list[Answer]:
        try:
            groups = in_groups(buyers, 10)
            return [each for found in run_concurrently([partial(rush, g) for g in groups])
                    for each in found]  # fmt: skip
        finally:
            is_over.set()

    _, found = run_concurrently([deal_anew, sell_out])

    assert Counter(map(outcome, found)) == {"201": 150, "OUT_OF_STOCK": 50}
    assert (stock_of(product), units_ordered(product), deadlocks()) == (0, 150, 0)
    assert [each["type"] for each in events_about(product, *TURNS)] == [*TURNS]
    assert_books_hold(product, users=[buyer.user_id for buyer in buyers])
