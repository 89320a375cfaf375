"""An order that says what it may cost is placed for that, or not at all."""

from typing import Any

import pytest

from tests.support.admin import edit_product
from tests.support.coupons import an_issued, status_of_coupon
from tests.support.drops import an_offering_drop, in_line, order_offer, status_of_entry
from tests.support.lambda_calls import Answer
from tests.support.orders import outcome, place, won
from tests.support.shop import (
    Person,
    a_buyer,
    a_product,
    assert_books_hold,
    balance_of,
    rows,
    stock_of,
)

pytestmark = pytest.mark.usefixtures("shop_environment")


def assert_refused(answer: Answer, buyer: Person, *, total: int) -> None:
    assert (answer.status, answer.json["code"]) == (409, "PRICE_CHANGED")
    assert answer.json["total"] == won(total)
    assert rows("SELECT id FROM orders WHERE buyer_id = $1", buyer.user_id) == []


@pytest.mark.parametrize("payment_method", ["POINT", "CARD"])
def test_an_edited_price_is_named_and_nothing_is_ordered(payment_method: str) -> None:
    product, buyer = a_product(stock=5, price=1_000), a_buyer(points=5_000)
    assert edit_product(product, price_amount=999_999).status == 200

    answer = place(buyer, (product, 2), payment_method=payment_method, expected_total=won(2_000))

    assert_refused(answer, buyer, total=1_999_998)
    assert (stock_of(product), balance_of(buyer.user_id)) == (5, 5_000)
    assert_books_hold(product, users=[buyer.user_id])


def test_the_named_total_can_be_agreed_to() -> None:
    product, buyer = a_product(price=1_200), a_buyer(points=5_000)
    named = place(buyer, (product, 1), expected_total=won(1_000)).json["total"]
    answer = place(buyer, (product, 1), expected_total=named)
    assert (answer.status, answer.json["total"]) == (201, won(1_200))
    assert balance_of(buyer.user_id) == 3_800


def test_the_agreed_total_is_what_the_discount_leaves() -> None:
    product, buyer = a_product(price=1_000), a_buyer(points=5_000)
    copy = an_issued(buyer, value=100)

    refused = place(buyer, (product, 1), issued_coupon_id=copy, expected_total=won(1_000))

    assert_refused(refused, buyer, total=900)
    assert status_of_coupon(buyer, copy) == "AVAILABLE"
    agreed = place(buyer, (product, 1), issued_coupon_id=copy, expected_total=won(900))
    assert (agreed.status, balance_of(buyer.user_id)) == (201, 4_100)


def test_points_and_card_pay_the_agreed_total_together() -> None:
    product, buyer = a_product(price=1_000), a_buyer(points=300)
    answer = place(
        buyer, (product, 1), payment_method="CARD", points=300, expected_total=won(1_000)
    )
    assert (answer.status, answer.json["card_amount"]) == (201, won(700))


def test_a_lower_price_is_named_before_points_that_exceed_it() -> None:
    product, buyer = a_product(price=200), a_buyer(points=500)
    answer = place(buyer, (product, 1), payment_method="CARD", points=300, expected_total=won(400))
    assert_refused(answer, buyer, total=200)


def test_the_same_amount_of_another_currency_is_not_agreed() -> None:
    product, buyer = a_product(price=1_000), a_buyer(points=5_000)
    in_dollars = {"amount": 1_000, "currency": "USD"}
    assert_refused(place(buyer, (product, 1), expected_total=in_dollars), buyer, total=1_000)


@pytest.mark.parametrize(
    ("expected", "field"),
    [
        ({"amount": -1, "currency": "KRW"}, "expected_total.amount"),
        ({"amount": 2**53, "currency": "KRW"}, "expected_total.amount"),
        ({"amount": 1}, "expected_total.currency"),
        ({"amount": 1, "currency": "won"}, "expected_total.currency"),
        ({"amount": 1, "currency": "KRW", "tax": 0}, "expected_total.tax"),
        (1_000, "expected_total"),
    ],
)
def test_a_malformed_expected_total_is_refused(expected: Any, field: str) -> None:
    answer = place(a_buyer(), (a_product(), 1), expected_total=expected)
    assert answer.status == 422
    assert [each["field"] for each in answer.json["errors"]] == [field]


def test_a_drops_offer_is_kept_when_its_price_is_not_agreed() -> None:
    product, buyer = a_product(stock=1, price=100), a_buyer(points=1_000)
    drop_id = an_offering_drop(product, [buyer])
    [(_, entry)] = in_line(drop_id, [buyer])

    assert_refused(order_offer(buyer, entry, product, expected_total=won(99)), buyer, total=100)

    assert status_of_entry(entry) == "OFFERED"
    assert outcome(order_offer(buyer, entry, product, expected_total=won(100))) == "201"
    assert status_of_entry(entry) == "BOUGHT"
