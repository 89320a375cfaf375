"""Admins edit the same thing at once: one version is one edit."""

from collections import Counter
from functools import partial

import pytest

from tests.support.admin import (
    audit_of,
    brand_of,
    edit_brand,
    edit_product,
    product_of,
    set_stock,
)
from tests.support.orders import outcome, place
from tests.support.shop import a_brand, a_buyer, a_product, an_admin, assert_books_hold, stock_of
from tests.support.threads import run_concurrently

pytestmark = pytest.mark.usefixtures("shop_environment")


@pytest.mark.parametrize("repetition", range(3))
def test_one_of_two_simultaneous_edits_of_a_product_is_stale(repetition: int) -> None:
    product = a_product(price=1_000)
    tag = product_of(product).headers["etag"]
    prices = (900, 800)

    answers = run_concurrently(
        [partial(edit_product, product, an_admin(), tag, price_amount=each) for each in prices]
    )

    assert Counter(map(outcome, answers)) == {"200": 1, "STALE_VERSION": 1}
    [won] = [price for price, answer in zip(prices, answers, strict=True) if answer.status == 200]
    shown = product_of(product).json
    assert (shown["price"]["amount"], shown["version"]) == (won, 2)
    assert [entry[3] for entry in audit_of(product)[2:]] == [{"price_amount": won}]


def test_nineteen_of_twenty_simultaneous_edits_of_a_brand_are_stale() -> None:
    brand = a_brand("Acme")
    edits = [partial(edit_brand, brand, version=1, name=f"Acme {n}") for n in range(20)]
    answers = run_concurrently(edits)
    assert Counter(map(outcome, answers)) == {"200": 1, "STALE_VERSION": 19}
    assert brand_of(brand).headers["etag"].startswith('"2-')
    assert len(audit_of(brand)) == 2


def test_one_of_two_simultaneous_stock_counts_is_stale() -> None:
    product = a_product(stock=5)
    tag = product_of(product).headers["etag"]
    answers = run_concurrently([partial(set_stock, product, n, tag=tag) for n in (7, 9)])
    assert Counter(map(outcome, answers)) == {"200": 1, "STALE_VERSION": 1}
    assert stock_of(product) in (7, 9)
    assert_books_hold(product)


def test_simultaneous_edits_of_different_fields_are_all_saved() -> None:
    product = a_product(price=1_000, name="Anvil")
    edits = [
        partial(edit_product, product, price_amount=900),
        partial(edit_product, product, name="Feather"),
        partial(edit_product, product, description="Light."),
    ]
    answers = run_concurrently(edits)
    assert Counter(map(outcome, answers)) == {"200": 3}
    shown = product_of(product).json
    assert (shown["price"]["amount"], shown["name"]) == (900, "Feather")
    assert (shown["description"], shown["version"]) == ("Light.", 4)


def test_sales_never_make_an_edit_stale() -> None:
    product, buyers = a_product(stock=50, price=10), [a_buyer(points=100) for _ in range(10)]
    tag = product_of(product).headers["etag"]
    edit = partial(edit_product, product, tag=tag, name="Feather")
    answers = run_concurrently([edit, *(partial(place, buyer, (product, 1)) for buyer in buyers)])
    assert Counter(map(outcome, answers)) == {"200": 1, "201": 10}
    assert stock_of(product) == 40
    assert_books_hold(product, users=[buyer.user_id for buyer in buyers])
