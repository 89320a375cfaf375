"""Orders with a coupon, from the handler to PostgreSQL and back."""

import threading
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from commerce.app.transactions import in_transaction
from commerce.runtime.db.connection import Database
from commerce.runtime.db.pipeline import Query
from commerce.shared import clock
from tests.support.coupons import (
    a_coupon,
    an_issued,
    coupon_events,
    end,
    place_with,
    status_of_coupon,
)
from tests.support.lambda_calls import Answer, call
from tests.support.orders import cancel, cancel_as_admin, outcome, ship
from tests.support.other_connection import wait_until
from tests.support.shop import (
    Person,
    a_buyer,
    a_product,
    an_admin,
    assert_books_hold,
    balance_of,
    rows,
    stock_of,
)

pytestmark = pytest.mark.usefixtures("shop_environment")


def amounts(answer: Answer) -> tuple[int, ...]:
    """Total, discount, points and card."""
    names = ("total", "discount", "points_used", "card_amount")
    return tuple(answer.json[name]["amount"] for name in names)


def line_discounts(order_id: str) -> list[int]:
    sql = "SELECT discount_amount FROM order_line WHERE order_id = $1 ORDER BY position"
    return [row.discount_amount for row in rows(sql, order_id)]


def assert_nothing_moved(buyer: Person, product: str, copy: str, points: int, stock: int) -> None:
    assert (stock_of(product), balance_of(buyer.user_id)) == (stock, points)
    assert rows("SELECT id FROM orders WHERE buyer_id = $1", buyer.user_id) == []
    assert coupon_events(copy) == ["CouponIssued"]
    assert_books_hold(product, users=[buyer.user_id])


def test_points_pay_what_the_discount_leaves() -> None:
    one, other = a_product(price=1_000), a_product(price=300)
    buyer = a_buyer(points=10_000)
    coupon = a_coupon(kind="RATE", value=15)
    copy = an_issued(buyer, coupon)

    answer = place_with(buyer, copy.upper(), (one, 1), (other, 3))

    assert (answer.status, amounts(answer)) == (201, (1_900, 285, 1_615, 0))
    order_id = answer.json["order_id"]
    assert line_discounts(order_id) == [150, 135]
    assert balance_of(buyer.user_id) == 8_385
    assert status_of_coupon(buyer, copy) == "USED"
    assert coupon_events(copy) == ["CouponIssued", "CouponUsed"]
    shown = call("order/get_order", "GET", f"/orders/{order_id}", token=buyer.token)
    assert amounts(shown) == (1_900, 285, 1_615, 0)
    assert_books_hold(one, other, users=[buyer.user_id], coupons=[coupon])


def test_a_coupon_above_the_total_pays_all_and_gives_no_change() -> None:
    product, buyer = a_product(price=700), a_buyer()
    answer = place_with(buyer, an_issued(buyer, value=10_000), (product, 1))
    assert amounts(answer) == (700, 700, 0, 0)
    assert balance_of(buyer.user_id) == 0
    assert_books_hold(product, users=[buyer.user_id])


def test_an_order_with_a_null_coupon_has_no_discount() -> None:
    product, buyer = a_product(price=700), a_buyer(points=700)
    assert amounts(place_with(buyer, None, (product, 1))) == (700, 0, 700, 0)


class TestNotUsable:
    """409 COUPON_NOT_USABLE with the reason in its detail; nothing moves."""

    def refused(self, buyer: Person, copy: Any, detail: str, price: int = 1_000) -> None:
        product, points = a_product(stock=3, price=price), balance_of(buyer.user_id)
        before = coupon_events(copy)
        answer = place_with(buyer, copy, (product, 1))
        assert (answer.status, answer.json["code"]) == (409, "COUPON_NOT_USABLE")
        assert detail in answer.json["detail"]
        assert (stock_of(product), balance_of(buyer.user_id)) == (3, points)
        assert coupon_events(copy) == before
        assert_books_hold(product, users=[buyer.user_id])

    def test_a_used_coupon_is_refused(self) -> None:
        buyer, product = a_buyer(points=5_000), a_product()
        copy = an_issued(buyer)
        assert place_with(buyer, copy, (product, 1)).status == 201
        self.refused(buyer, copy, "used already")

    def test_an_expired_coupon_is_refused(self) -> None:
        buyer, coupon = a_buyer(points=5_000), a_coupon()
        copy = an_issued(buyer, coupon)
        end(coupon)
        self.refused(buyer, copy, "expired")

    def test_an_order_below_the_coupons_minimum_is_refused(self) -> None:
        buyer = a_buyer(points=5_000)
        self.refused(buyer, an_issued(buyer, min_order_amount=1_001), "1001")

    def test_a_coupon_that_discounts_nothing_is_refused(self) -> None:
        buyer = a_buyer(points=5_000)
        copy = an_issued(buyer, kind="RATE", value=1)
        self.refused(buyer, copy, "nothing", price=49)
        self.refused(buyer, copy, "nothing", price=0)

    def test_another_users_coupon_is_refused_like_an_unknown_one(self) -> None:
        buyer = a_buyer(points=5_000)
        theirs = an_issued(a_buyer())
        for copy in (theirs, str(uuid4())):
            self.refused(buyer, copy, "no such coupon")

    def test_a_coupon_offer_cannot_be_used_as_a_copy(self) -> None:
        self.refused(a_buyer(points=5_000), a_coupon(), "no such coupon")

    def test_a_minimum_applies_to_the_total_before_the_discount(self) -> None:
        buyer, product = a_buyer(points=5_000), a_product(price=1_000)
        copy = an_issued(buyer, min_order_amount=1_000, value=600)
        assert amounts(place_with(buyer, copy, (product, 1))) == (1_000, 600, 400, 0)


def test_too_few_points_leave_the_coupon_unused() -> None:
    product, buyer = a_product(stock=3, price=1_000), a_buyer(points=899)
    copy = an_issued(buyer, value=100)
    answer = place_with(buyer, copy, (product, 1))
    assert answer.json["code"] == "INSUFFICIENT_POINTS"
    assert answer.json["errors"] == [{"required": 900, "available": 899}]
    assert_nothing_moved(buyer, product, copy, points=899, stock=3)


def test_too_little_stock_leaves_the_coupon_unused() -> None:
    product, buyer = a_product(stock=1, price=1_000), a_buyer(points=5_000)
    copy = an_issued(buyer)
    assert place_with(buyer, copy, (product, 2)).json["code"] == "OUT_OF_STOCK"
    assert_nothing_moved(buyer, product, copy, points=5_000, stock=1)


@pytest.mark.parametrize("issued_coupon_id", ["", 5, ["x"], "x" * 65])
def test_an_invalid_coupon_id_is_refused(issued_coupon_id: Any) -> None:
    answer = place_with(a_buyer(), issued_coupon_id, (a_product(), 1))
    assert (answer.status, answer.json["code"]) == (422, "VALIDATION_FAILED")


class TestCancelled:
    @pytest.mark.parametrize("by", ["buyer", "admin", "admin, once shipped"])
    def test_a_returned_coupon_is_returned_once_and_usable_again(self, by: str) -> None:
        product, buyer, admin = a_product(stock=5), a_buyer(points=2_000), an_admin()
        coupon = a_coupon(value=100)
        copy = an_issued(buyer, coupon)
        order_id = place_with(buyer, copy, (product, 1)).json["order_id"]
        if by == "admin, once shipped":
            ship(admin, order_id)
        answer = cancel(buyer, order_id) if by == "buyer" else cancel_as_admin(admin, order_id)
        assert (answer.status, amounts(answer)) == (200, (1_000, 100, 900, 0))
        assert status_of_coupon(buyer, copy) == "AVAILABLE"
        left = 4 if by == "admin, once shipped" else 5
        assert (stock_of(product), balance_of(buyer.user_id)) == (left, 2_000)
        assert outcome(cancel_as_admin(admin, order_id)) == "ORDER_NOT_CANCELLABLE"
        assert_books_hold(product, users=[buyer.user_id], coupons=[coupon])

        assert place_with(buyer, copy, (product, 1)).status == 201
        assert coupon_events(copy) == [
            "CouponIssued", "CouponUsed", "CouponReturned", "CouponUsed",
        ]  # fmt: skip
        assert_books_hold(product, users=[buyer.user_id], coupons=[coupon])

    def test_a_coupon_returned_after_its_end_is_expired(self) -> None:
        product, buyer, coupon = a_product(), a_buyer(points=2_000), a_coupon()
        copy = an_issued(buyer, coupon)
        order_id = place_with(buyer, copy, (product, 1)).json["order_id"]
        end(coupon)
        assert status_of_coupon(buyer, copy) == "USED"
        assert cancel(buyer, order_id).status == 200
        assert status_of_coupon(buyer, copy) == "EXPIRED"
        assert balance_of(buyer.user_id) == 2_000
        assert_books_hold(product, users=[buyer.user_id], coupons=[coupon])


def test_a_coupon_that_expires_during_a_lock_wait_is_not_used(database_url: str) -> None:
    product, buyer, coupon = a_product(stock=3), a_buyer(points=2_000), a_coupon()
    copy = an_issued(buyer, coupon)
    holder = Database(lambda: database_url)
    answers: list[Answer] = []

    def order() -> None:
        from commerce.runtime.db.current import database

        answers.append(place_with(buyer, copy, (product, 1)))
        database().close()

    waiting = threading.Thread(target=order)
    lock = "SELECT FROM issued_coupon WHERE id = $1 FOR UPDATE"
    pid = Query("SELECT pg_backend_pid() AS pid")
    [[mine]] = holder.run([Query("BEGIN"), Query(lock, [copy]), pid])[-1:]
    waiting.start()
    blocked = "SELECT FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid))"
    wait_until(lambda: bool(rows(blocked, mine.pid)))
    end(coupon)
    holder.run([Query("COMMIT")], in_transaction=True)
    waiting.join(30)
    holder.close()

    [answer] = answers
    assert (answer.json["code"], answer.json["detail"]) == ("COUPON_NOT_USABLE", "It has expired.")
    assert_nothing_moved(buyer, product, copy, points=2_000, stock=3)


def test_coupon_validity_uses_the_databases_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    product, buyer, coupon = a_product(), a_buyer(points=2_000), a_coupon()
    copy = an_issued(buyer, coupon)
    later = clock.now() + timedelta(days=365)
    monkeypatch.setattr(clock, "now", lambda: later)
    view = in_transaction(
        lambda shop: shop.coupons.list(user_id=buyer.user_id, status=None, limit=1, after=None)
    )
    assert [each.status for each in view.items] == ["AVAILABLE"]
    quote = in_transaction(
        lambda shop: shop.coupons.quote(copy, user_id=buyer.user_id, total=_thousand())
    )
    assert (quote.issued_coupon_id, quote.discount.amount) == (UUID(copy), 100)
    monkeypatch.undo()
    assert place_with(buyer, copy, (product, 1)).status == 201


def _thousand() -> Any:
    from commerce.shared.money import Money

    return Money(1_000)
