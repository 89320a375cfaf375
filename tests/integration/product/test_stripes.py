"""A stock that is dealt out to stripes, from the handlers to PostgreSQL and back."""

import pytest

from tests.support.admin import product_of
from tests.support.orders import place
from tests.support.shop import (
    a_buyer,
    a_striped_product,
    assert_books_hold,
    stock_of,
    stripes_of,
)

pytestmark = pytest.mark.usefixtures("shop_environment")


def test_a_stock_is_dealt_out_evenly_and_shown_as_one_quantity() -> None:
    product = a_striped_product(4, stock=43)
    assert stripes_of(product) == [10, 10, 10, 10]
    assert stock_of(product) == product_of(product).json["stock_quantity"] == 43


def test_units_are_taken_from_one_stripe() -> None:
    product, buyer = a_striped_product(4, stock=40, price=1), a_buyer(points=100)
    assert place(buyer, (product, 3)).status == 201
    assert sorted(stripes_of(product)) == [7, 10, 10, 10]
    assert product_of(product).json["stock_quantity"] == 37
    assert_books_hold(product, users=[buyer.user_id])


def test_more_than_a_stripe_has_is_gathered_from_all() -> None:
    product, buyer = a_striped_product(4, stock=40, price=1), a_buyer(points=100)
    assert place(buyer, (product, 11)).status == 201
    assert stripes_of(product) == [7, 7, 7, 7]
    assert stock_of(product) == 29
    assert_books_hold(product, users=[buyer.user_id])
