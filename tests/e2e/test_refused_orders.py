"""An order that a rule refuses, and a request for what is not there: nothing moves."""

from uuid import uuid4

import pytest

from tests.e2e.caller import Json
from tests.e2e.shop import Buyer, Shop

NEVER_GIVEN = "0190a6e4-0000-7000-8000-000000000000"


def test_an_order_of_missing_products_names_all_of_them(shop: Shop, buyer: Buyer) -> None:
    product = shop.new_product()
    missing = {str(uuid4()) for _ in range(3)}

    with shop.nothing_moves(buyer, product):
        answer = buyer.api.place_order((product, 1), *((each, 1) for each in missing))

    answer.require_problem(404, "PRODUCT_NOT_FOUND")
    assert all(each in answer.text for each in missing)
    assert product not in answer.text


def test_an_order_beyond_the_stock_names_every_failing_line(shop: Shop, buyer: Buyer) -> None:
    plenty, few, none = (shop.new_product(stock=stock, price=10) for stock in (9, 2, 0))

    with shop.nothing_moves(buyer, plenty, few, none):
        answer = buyer.api.place_order((plenty, 9), (few, 3), (none, 1))

    problem = answer.require_problem(409, "OUT_OF_STOCK")
    assert _failing_lines(problem) == {few: (3, 2), none: (1, 0)}


def test_the_stock_can_be_ordered_to_the_last_unit(shop: Shop, buyer: Buyer) -> None:
    product = shop.new_product(stock=3, price=10)

    buyer.place_order((product, 3))

    assert shop.stock_of(product) == 0
    with shop.nothing_moves(buyer, product):
        buyer.api.place_order((product, 1)).require_problem(409, "OUT_OF_STOCK")


def test_an_order_beyond_the_points_is_refused(shop: Shop) -> None:
    product = shop.new_product(stock=5, price=1_001)
    poor, penniless = shop.new_buyer(points=1_000), shop.new_buyer()

    for buyer in poor, penniless:
        with shop.nothing_moves(buyer, product):
            answer = buyer.api.place_order((product, 1))
        answer.require_problem(409, "INSUFFICIENT_POINTS")


def test_points_can_be_spent_to_the_last_won(shop: Shop) -> None:
    product = shop.new_product(stock=5, price=500)
    buyer = shop.new_buyer(points=1_000)

    buyer.place_order((product, 2))

    assert buyer.api.points().require(200)["balance"]["amount"] == 0


@pytest.mark.parametrize("unknown", [NEVER_GIVEN, "nonsense", "0", "%00", "a" * 300])
def test_an_unknown_order_or_product_is_not_found(shop: Shop, buyer: Buyer, unknown: str) -> None:
    buyer.api.order(unknown).require_problem(404)
    shop.anyone.product(unknown).require_problem(404)
    shop.anyone.brand(unknown).require_problem(404)
    shop.admin.set_stock(unknown, 1).require_problem(404)


def test_a_product_of_an_unknown_brand_is_refused(shop: Shop) -> None:
    fields = {"name": "Orphan", "description": "", "price_amount": 1}

    answer = shop.admin.register_product(brand_id=str(uuid4()), **fields)

    answer.require_problem(404)


def _failing_lines(problem: Json) -> dict[str, tuple[int, int]]:
    """Return what was requested and available of each product, wherever the problem lists it."""
    [lines] = [
        member
        for member in problem.values()
        if isinstance(member, list) and all("requested" in line for line in member)
    ]
    return {line["product_id"]: (line["requested"], line["available"]) for line in lines}
