"""Limits of a buyer: units of a product, units of a line, unpaid orders, and lapses."""

from typing import Any

import pytest

from tests.support import orders as kept
from tests.support.admin import edit_product
from tests.support.lambda_calls import Answer
from tests.support.orders import a_pending_order, cancel, cancel_as_admin, confirm, place, status_of
from tests.support.payments import a_card_order, place_by_card
from tests.support.proxy import postgres_proxy
from tests.support.shop import (
    Person,
    a_buyer,
    a_product,
    an_admin,
    assert_books_hold,
    rows,
    stock_of,
)

pytestmark = pytest.mark.usefixtures("shop_environment")

HOUR = 3600


@pytest.fixture
def buyer() -> Person:
    return a_buyer(points=10_000)


def a_limited_product(limit: int, **more: Any) -> str:
    product = a_product(stock=50, price=10)
    assert edit_product(product, max_per_buyer=limit, **more).status == 200
    return product


def refusal(answer: Answer, *names: str) -> tuple[Any, ...]:
    assert answer.status == 409, answer.json
    return (answer.json["code"], *(answer.json[name] for name in names))


# --- units of a product --------------------------------------------------------------------------


def test_a_buyer_gets_as_many_units_as_the_product_allows(buyer: Person) -> None:
    product = a_limited_product(3)
    assert place(buyer, (product, 2)).status == 201
    refused = place(buyer, (product, 2))
    assert refusal(refused, "product_id", "limit", "already", "requested") == (
        "PURCHASE_LIMIT",
        product,
        3,
        2,
        2,
    )
    assert place(buyer, (product, 1)).status == 201
    assert place(a_buyer(points=100), (product, 3)).status == 201
    assert stock_of(product) == 44
    assert_books_hold(product, users=[buyer.user_id])


def test_every_product_beyond_its_limit_is_named(buyer: Person) -> None:
    first, second, free = a_limited_product(1), a_limited_product(2), a_product(stock=9, price=1)
    refused = place(buyer, (first, 2), (free, 3), (second, 3))
    assert [each["product_id"] for each in refused.json["errors"]] == [first, second]
    assert refusal(refused, "product_id", "already") == ("PURCHASE_LIMIT", first, 0)
    assert (stock_of(first), stock_of(second), stock_of(free)) == (50, 50, 9)


def test_an_unpaid_order_counts_and_a_cancelled_one_does_not(buyer: Person) -> None:
    product = a_limited_product(1)
    order = a_card_order(buyer, product)
    assert refusal(place(buyer, (product, 1)), "already") == ("PURCHASE_LIMIT", 1)
    assert cancel(buyer, order).status == 200
    paid = place(buyer, (product, 1))
    assert paid.status == 201
    assert refusal(place(buyer, (product, 1))) == ("PURCHASE_LIMIT",)
    cancel_as_admin(an_admin(), paid.json["order_id"])
    assert place(buyer, (product, 1)).status == 201


def test_a_limit_counts_what_was_bought_before_it(buyer: Person) -> None:
    product = a_product(stock=9, price=1)
    bought = place(buyer, (product, 5))
    assert bought.status == 201
    assert edit_product(product, max_per_buyer=2).status == 200
    refused = place(buyer, (product, 1))
    assert refusal(refused, "limit", "already") == ("PURCHASE_LIMIT", 2, 5)
    assert status_of(bought.json["order_id"]) == "CONFIRMED"
    assert edit_product(product, max_per_buyer=None).status == 200
    assert place(buyer, (product, 1)).status == 201


@pytest.mark.parametrize("quantity", [100, 1_000_000_000])
def test_a_line_of_too_many_units_is_invalid(buyer: Person, quantity: int) -> None:
    product = a_product(stock=1000, price=1)
    refused = place(buyer, (product, quantity))
    assert (refused.status, refused.json["code"]) == (422, "VALIDATION_FAILED")
    assert [each["field"] for each in refused.json["errors"]] == ["lines.0.quantity"]
    assert place(buyer, (product, 99)).status == 201


def test_the_units_of_a_line_are_a_setting(buyer: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_UNITS_PER_LINE", "100")
    product = a_product(stock=1000, price=1)
    assert place(buyer, (product, 101)).status == 422
    assert place(buyer, (product, 100)).status == 201


# --- unpaid orders -------------------------------------------------------------------------------


def test_a_buyer_has_three_unpaid_orders_at_most(buyer: Person) -> None:
    product = a_product(stock=9, price=100)
    orders = [a_card_order(buyer, product) for _ in range(3)]
    refused = place_by_card(buyer, (product, 1))
    assert refusal(refused, "limit") == ("TOO_MANY_UNPAID_ORDERS", 3)
    assert stock_of(product) == 6
    assert place(buyer, (product, 1)).status == 201  # which holds nothing unpaid
    assert place_by_card(buyer, (product, 1), points=100).json["status"] == "CONFIRMED"
    confirm(orders[0])
    assert place_by_card(buyer, (product, 1)).status == 201
    assert refusal(place_by_card(buyer, (product, 1))) == ("TOO_MANY_UNPAID_ORDERS",)
    assert place_by_card(a_buyer(), (product, 1)).status == 201


# --- the cool-down after lapses ------------------------------------------------------------------


def lapse(buyer: Person, product: str, times: int) -> list[str]:
    orders = []
    for _ in range(times):
        orders.append(a_card_order(buyer, product))
        assert cancel(buyer, orders[-1]).status == 200
    return orders


def moved_back(orders: list[str], seconds: int) -> None:
    sql = f"UPDATE order_history SET at = at - interval '{seconds} seconds' WHERE order_id = $1"
    for each in orders:
        rows(sql, each)


def test_after_three_lapses_a_buyer_waits_for_an_hour(buyer: Person) -> None:
    product = a_product(stock=9, price=100)
    lapsed = lapse(buyer, product, 3)
    refused = place_by_card(buyer, (product, 1))
    assert refusal(refused) == ("HOLD_COOLDOWN",)
    assert HOUR - 60 < int(refused.headers["retry-after"]) <= HOUR
    assert place(buyer, (product, 1)).status == 201  # paid at once
    assert place_by_card(a_buyer(), (product, 1)).status == 201
    assert stock_of(product) == 7

    moved_back(lapsed, HOUR - 30)
    refused = place_by_card(buyer, (product, 1))
    assert 1 <= int(refused.headers["retry-after"]) <= 30
    moved_back(lapsed, 31)
    assert place_by_card(buyer, (product, 1)).status == 201


def test_lapses_further_apart_than_an_hour_are_no_reason_to_wait(buyer: Person) -> None:
    product = a_product(stock=9, price=100)
    moved_back(lapse(buyer, product, 1), HOUR + 1)
    lapse(buyer, product, 2)
    assert place_by_card(buyer, (product, 1)).status == 201


@pytest.mark.parametrize("way", ["expired", "cancelled by an admin", "paid, then cancelled"])
def test_an_order_lapses_that_ends_unpaid_by_its_buyers_doing(buyer: Person, way: str) -> None:
    product, admin = a_product(stock=9, price=100), an_admin()
    for _ in range(3):
        if way == "expired":
            assert kept.expire(a_pending_order(buyer, product, points=0)) == "CANCELLED"
            continue
        order = a_card_order(buyer, product)
        if way == "cancelled by an admin":
            assert cancel_as_admin(admin, order).status == 200
        else:
            confirm(order)
            assert cancel(buyer, order).status == 200
    expected = 409 if way == "expired" else 201
    assert place_by_card(buyer, (product, 1)).status == expected


# --- the time to pay -----------------------------------------------------------------------------


def minutes_to_pay(answer: Answer) -> float:
    [row] = rows(
        "SELECT extract(epoch FROM expires_at - placed_at) / 60 AS minutes FROM orders"
        " WHERE id = $1",
        answer.json["order_id"],
    )
    return float(row.minutes)


def test_the_shortest_hold_of_its_products_is_an_orders_time_to_pay(buyer: Person) -> None:
    short, longer, plain = (a_product(stock=9, price=100) for _ in range(3))
    edit_product(short, hold_minutes=5)
    edit_product(longer, hold_minutes=60)
    assert minutes_to_pay(place_by_card(buyer, (plain, 1))) == 15
    assert minutes_to_pay(place_by_card(buyer, (longer, 1))) == 60
    assert minutes_to_pay(place_by_card(buyer, (longer, 1), (plain, 1), (short, 1))) == 5


@pytest.mark.parametrize(
    ("name", "value"),
    [("hold_minutes", 0), ("hold_minutes", 61), ("max_per_buyer", 0), ("max_per_buyer", "2")],
)
def test_terms_outside_their_range_are_invalid(name: str, value: Any) -> None:
    refused = edit_product(a_product(), **{name: value})
    assert (refused.status, [each["field"] for each in refused.json["errors"]]) == (422, [name])


# --- what it costs -------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [None, 9])
def test_a_limit_takes_two_statements_of_the_batch_and_no_round_trip(
    database_url: str, monkeypatch: pytest.MonkeyPatch, limit: int | None
) -> None:
    from commerce.runtime.db.current import database

    product, buyer = a_product(stock=9, price=1), a_buyer(points=100)
    assert edit_product(product, max_per_buyer=limit).status == 200
    with postgres_proxy(database_url) as proxy:
        monkeypatch.setenv("DATABASE_URL", proxy.url)
        database().close()
        assert place(buyer, (product, 1)).status == 201  # the function is warm
        proxy.forget()
        assert place(buyer, (product, 1)).status == 201
        trips = list(proxy.trips)
        database().close()
    assert len(trips) == 2
    locks = [sql for sql in trips[-1].statements if "advisory" in sql]
    assert len(locks) == (0 if limit is None else 1)
    assert len(trips[-1].statements) == (11 if limit is None else 13)
