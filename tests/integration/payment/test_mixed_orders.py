"""Orders paid by a coupon, points and a card together: what each of them has to give, and gets."""

from typing import Any

import pytest

from tests.support.coupons import an_issued, coupon_events, status_of_coupon
from tests.support.gateway import RunningGateway
from tests.support.lambda_calls import Answer, call
from tests.support.orders import cancel, status_of
from tests.support.payments import expire, follow, pay, settled, statuses_of, use_up_tries
from tests.support.shop import (
    Person,
    a_buyer,
    a_key,
    a_product,
    assert_books_hold,
    balance_of,
    rows,
    stock_of,
)

pytestmark = pytest.mark.usefixtures("own_shop")

PRICE, DISCOUNT, POINTS = 1_000, 100, 300


@pytest.fixture
def buyer() -> Person:
    return a_buyer(points=POINTS)


@pytest.fixture
def product() -> str:
    return a_product(stock=5, price=PRICE)


@pytest.fixture
def coupon(buyer: Person) -> str:
    return an_issued(buyer, value=DISCOUNT)


def place(buyer: Person, product: str, coupon: str, points: int = POINTS) -> Answer:
    body: dict[str, Any] = {
        "lines": [{"product_id": product, "quantity": 1}],
        "payment_method": "CARD",
        "points": points,
        "issued_coupon_id": coupon,
    }
    return call("order/place_order", "POST", "/orders", body=body, token=buyer.token, key=a_key())


def placed(buyer: Person, product: str, coupon: str) -> str:
    answer = place(buyer, product, coupon)
    assert answer.status == 201, answer.json
    shares = {
        name: answer.json[name]["amount"]
        for name in ("total", "discount", "points_used", "card_amount")
    }
    assert shares == {"total": 1_000, "discount": 100, "points_used": 300, "card_amount": 600}
    assert (balance_of(buyer.user_id), stock_of(product)) == (0, 4)
    return str(answer.json["order_id"])


def assert_all_is_back(buyer: Person, product: str, coupon: str) -> None:
    assert (balance_of(buyer.user_id), stock_of(product)) == (POINTS, 5)
    assert status_of_coupon(buyer, coupon) == "AVAILABLE"
    assert coupon_events(coupon) == ["CouponIssued", "CouponUsed", "CouponReturned"]
    assert_books_hold(product, users=[buyer.user_id])


def test_a_cancelled_mixed_order_refunds_each_means_of_payment(
    gateway: RunningGateway, buyer: Person, product: str, coupon: str
) -> None:
    order_id = placed(buyer, product, coupon)
    assert pay(buyer, order_id).json["amount"]["amount"] == 600
    settled(order_id, "SUCCEEDED")
    follow(order_id)
    assert status_of(order_id) == "CONFIRMED"
    assert_books_hold(product, users=[buyer.user_id])

    assert cancel(buyer, order_id).status == 200
    follow(order_id)

    assert statuses_of(order_id) == ["REFUNDED"]
    [transaction] = gateway.transactions(order_id)
    assert (transaction["amount"], transaction["refunded_at"] is not None) == (600, True)
    assert_all_is_back(buyer, product, coupon)


def test_the_last_decline_returns_points_and_coupon(
    gateway: RunningGateway, buyer: Person, product: str, coupon: str
) -> None:
    order_id = placed(buyer, product, coupon)
    use_up_tries(gateway, buyer, order_id)
    follow(order_id)
    assert (status_of(order_id), statuses_of(order_id)) == ("CANCELLED", ["FAILED"] * 3)
    assert_all_is_back(buyer, product, coupon)


def test_an_expired_mixed_order_returns_points_and_coupon(
    gateway: RunningGateway, buyer: Person, product: str, coupon: str
) -> None:
    order_id = placed(buyer, product, coupon)
    rows("UPDATE orders SET expires_at = now() - interval '1 second' WHERE id = $1", order_id)
    assert expire() == {"expired": 1, "waiting": 0}
    assert status_of(order_id) == "CANCELLED"
    assert_all_is_back(buyer, product, coupon)


def test_an_order_fully_discounted_is_confirmed_without_the_card(
    gateway: RunningGateway, buyer: Person, product: str
) -> None:
    all_of_it = an_issued(buyer, value=PRICE)
    answer = place(buyer, product, all_of_it, points=0)
    assert (answer.status, answer.json["status"]) == (201, "CONFIRMED")
    refused = pay(buyer, answer.json["order_id"])
    assert (refused.status, refused.json["code"]) == (409, "ORDER_NOT_PAYABLE")
    assert gateway.transactions() == []
    assert_books_hold(product, users=[buyer.user_id])


def test_more_points_than_the_discount_leaves_are_refused(
    gateway: RunningGateway, product: str
) -> None:
    rich = a_buyer(points=PRICE)
    coupon = an_issued(rich, value=DISCOUNT)
    answer = place(rich, product, coupon, points=PRICE - DISCOUNT + 1)
    assert (answer.status, answer.json["code"]) == (422, "POINTS_EXCEED_TOTAL")
    assert answer.json["detail"] == "At most 900 points can be used."
    assert (balance_of(rich.user_id), stock_of(product)) == (PRICE, 5)
    assert status_of_coupon(rich, coupon) == "AVAILABLE"
    assert_books_hold(product, users=[rich.user_id])
