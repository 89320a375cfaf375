"""Coupons raced on real connections: exact counts, no error but the refusal, books that hold."""

import threading
from collections import Counter
from collections.abc import Callable
from functools import partial

import pytest

from tests.support.coupons import (
    a_coupon,
    an_issued,
    copies_of,
    coupon_events,
    end,
    issue,
    place_with,
    status_of_coupon,
)
from tests.support.lambda_calls import Answer
from tests.support.orders import cancel, outcome
from tests.support.shop import (
    Person,
    a_buyer,
    a_product,
    assert_books_hold,
    balance_of,
    rows,
    stock_of,
)
from tests.support.threads import run_concurrently

pytestmark = pytest.mark.usefixtures("shop_environment")


def test_one_of_ten_simultaneous_orders_uses_the_coupon() -> None:
    product, buyer, coupon = a_product(stock=100, price=1_000), a_buyer(points=20_000), a_coupon()
    copy = an_issued(buyer, coupon)

    answers = run_concurrently([partial(place_with, buyer, copy, (product, 1)) for _ in range(10)])

    assert Counter(map(outcome, answers)) == {"201": 1, "COUPON_NOT_USABLE": 9}
    assert (stock_of(product), balance_of(buyer.user_id)) == (99, 19_100)
    assert coupon_events(copy) == ["CouponIssued", "CouponUsed"]
    assert_books_hold(product, users=[buyer.user_id], coupons=[coupon])


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("quantity", "users", "threads"), [(100, 2_000, 40), (1, 200, 40)])
def test_two_thousand_users_get_a_hundred_coupons(quantity: int, users: int, threads: int) -> None:
    coupon = a_coupon(total_quantity=quantity)

    def ask_one_after_another() -> Counter[str]:
        return Counter(outcome(issue(a_buyer(), coupon)) for _ in range(users // threads))

    counts = run_concurrently([ask_one_after_another] * threads, deadline_seconds=300)

    assert sum(counts, Counter[str]()) == {
        "201": quantity,
        "COUPON_SOLD_OUT": users - quantity,
    }
    assert copies_of(coupon) == quantity
    [distinct] = rows("SELECT count(DISTINCT user_id) AS n FROM issued_coupon"
                      " WHERE coupon_id = $1", coupon)  # fmt: skip
    assert distinct.n == quantity
    assert_books_hold(coupons=[coupon])


def test_fifty_simultaneous_users_get_fifty_copies() -> None:
    coupon, users = a_coupon(total_quantity=50), [a_buyer() for _ in range(50)]
    answers = run_concurrently([partial(issue, user, coupon) for user in users])
    assert Counter(map(outcome, answers)) == {"201": 50}
    assert outcome(issue(a_buyer(), coupon)) == "COUPON_SOLD_OUT"
    assert_books_hold(coupons=[coupon])


def test_twenty_simultaneous_issues_to_one_user_give_one_copy() -> None:
    coupon, user = a_coupon(total_quantity=2), a_buyer()
    answers = run_concurrently([partial(issue, user, coupon)] * 20)
    assert Counter(answer.status for answer in answers) == {201: 1, 200: 19}
    assert all(answer.json == answers[0].json for answer in answers)
    assert copies_of(coupon) == 1
    assert_books_hold(coupons=[coupon])


def test_the_last_copy_goes_to_one_of_two_users() -> None:
    for _ in range(5):
        coupon, users = a_coupon(total_quantity=1), [a_buyer(), a_buyer()]
        answers = run_concurrently([partial(issue, user, coupon) for user in users * 2])
        counts = Counter(map(outcome, answers))
        assert counts == {"201": 1, "200": 1, "COUPON_SOLD_OUT": 2}
        assert_books_hold(coupons=[coupon])


@pytest.mark.parametrize("repetition", range(3))
def test_a_coupon_expiring_during_use_is_used_or_expired_never_both(repetition: int) -> None:
    product, coupon = a_product(stock=100, price=1_000), a_coupon()
    buyers = [a_buyer(points=1_000) for _ in range(12)]
    copies = [an_issued(buyer, coupon) for buyer in buyers]
    ended = threading.Event()

    def end_it() -> Answer | None:
        end(coupon)
        ended.set()
        return None

    def use(buyer: Person, copy: str, *, late: bool) -> Answer | None:
        if late:
            ended.wait(30)
        return place_with(buyer, copy, (product, 1))

    calls: list[Callable[[], Answer | None]] = [
        partial(use, buyer, copy, late=number % 3 == 0)
        for number, (buyer, copy) in enumerate(zip(buyers, copies, strict=True))
    ]
    *answers, _ = run_concurrently([*calls, end_it])

    for number, (buyer, copy, answer) in enumerate(zip(buyers, copies, answers, strict=True)):
        assert answer is not None
        shown = status_of_coupon(buyer, copy)
        expected = {"201": ("USED", 100), "COUPON_NOT_USABLE": ("EXPIRED", 1_000)}
        assert (shown, balance_of(buyer.user_id)) == expected[outcome(answer)]
        assert number % 3 or shown == "EXPIRED"
    sold = sum(answer is not None and answer.status == 201 for answer in answers)
    assert stock_of(product) == 100 - sold
    users = [buyer.user_id for buyer in buyers]
    assert_books_hold(product, users=users, coupons=[coupon])


def test_a_coupon_returned_while_it_is_used_again_belongs_to_one_order() -> None:
    product, buyer, coupon = a_product(stock=100, price=1_000), a_buyer(points=20_000), a_coupon()
    copy = an_issued(buyer, coupon)
    order_id = place_with(buyer, copy, (product, 1)).json["order_id"]

    calls: list[Callable[[], Answer]] = [
        partial(cancel, buyer, order_id),
        *[partial(place_with, buyer, copy, (product, 1))] * 9,
    ]
    cancelled, *placed = run_concurrently(calls)

    assert cancelled.status == 200
    counts = Counter(map(outcome, placed))
    assert counts["201"] <= 1
    assert counts["201"] + counts["COUPON_NOT_USABLE"] == 9
    assert stock_of(product) == 100 - counts["201"]
    assert balance_of(buyer.user_id) == 20_000 - 900 * counts["201"]
    assert_books_hold(product, users=[buyer.user_id], coupons=[coupon])
