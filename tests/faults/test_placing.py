"""Placing an order fails after each of its statements: all is as it was, or all is done once."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from commerce.runtime.db.connection import Database
from commerce.runtime.db.pipeline import Query, Row
from tests.support.coupons import a_coupon, an_issued, coupon_events, place_with, status_of_coupon
from tests.support.orders import cancel, types_of
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

pytestmark = pytest.mark.usefixtures("shop_environment")

# What a placing with a coupon sends together, in its order; each word is of one statement.
BATCH = [
    "INSERT INTO once",
    "INSERT INTO orders",
    "INSERT INTO order_line",
    "INSERT INTO order_history",
    "FROM issued_coupon",
    "UPDATE issued_coupon",
    "FROM point_account",
    "UPDATE point_account",
    "INSERT INTO point_ledger",
    "INSERT INTO outbox",
    "FROM stock",
    "UPDATE stock",
    "FROM drop_lot",
]
CANCELLING = [
    "UPDATE orders",
    "INSERT INTO order_history",
    "INSERT INTO order_refund",
    "UPDATE issued_coupon",
    "UPDATE point_account",
    "INSERT INTO point_ledger",
    "INSERT INTO outbox",
    "FROM stock",
    "UPDATE stock",
    "COMMIT",
]
REFUSE = Query("SELECT require(false, 'nothing_fails')")
CUT = Query("SELECT pg_terminate_backend(pg_backend_pid())")
STEPS = range(len(BATCH) + 1)


@dataclass
class Bench:
    """A buyer with 5,000 points and a coupon of 100, and three units at 1,000."""

    buyer: Person
    product: str
    coupon: str
    copy: str

    @classmethod
    def made(cls) -> "Bench":
        buyer, coupon = a_buyer(points=5_000), a_coupon(value=100)
        return cls(buyer, a_product(stock=3, price=1_000), coupon, an_issued(buyer, coupon))

    def assert_untouched(self) -> None:
        assert (stock_of(self.product), balance_of(self.buyer.user_id)) == (3, 5_000)
        assert rows("SELECT id FROM orders WHERE buyer_id = $1", self.buyer.user_id) == []
        assert status_of_coupon(self.buyer, self.copy) == "AVAILABLE"
        assert coupon_events(self.copy) == ["CouponIssued"]
        self.assert_books_hold()

    def assert_ordered_once(self, order_id: str) -> None:
        assert (stock_of(self.product), balance_of(self.buyer.user_id)) == (2, 4_100)
        found = rows("SELECT id FROM orders WHERE buyer_id = $1", self.buyer.user_id)
        assert [str(row.id) for row in found] == [order_id]
        assert status_of_coupon(self.buyer, self.copy) == "USED"
        assert coupon_events(self.copy) == ["CouponIssued", "CouponUsed"]
        assert types_of(order_id) == ["OrderPlaced", "OrderConfirmed"]
        self.assert_books_hold()

    def assert_books_hold(self) -> None:
        assert_books_hold(self.product, users=[self.buyer.user_id], coupons=[self.coupon])


@pytest.fixture
def bench() -> Bench:
    return Bench.made()


@contextmanager
def failing(step: int, fault: Query, batch: Sequence[str]) -> Iterator[list[int]]:
    """Once, put the fault behind so many statements of the batch; yields how often it was put."""
    run, put = Database.run, list[int]()

    def run_and_fail(
        self: Database, queries: Sequence[Query], *, in_transaction: bool = False
    ) -> list[list[Row]]:
        is_batch = len(queries) == len(batch) and all(
            word in query.sql for word, query in zip(batch, queries, strict=True)
        )
        if is_batch and not put:
            put.append(step)
            queries = [*queries[:step], fault, *queries[step:]]
        return run(self, queries, in_transaction=in_transaction)

    Database.run = run_and_fail  # type: ignore[method-assign]
    try:
        yield put
    finally:
        Database.run = run  # type: ignore[method-assign]


@pytest.mark.parametrize("step", STEPS)
def test_a_statement_that_fails_leaves_everything_as_it_was(bench: Bench, step: int) -> None:
    key = a_key()
    with failing(step, REFUSE, BATCH) as put:
        answer = place_with(bench.buyer, bench.copy, (bench.product, 1), key=key)
    assert (put, answer.status) == ([step], 500)
    bench.assert_untouched()
    again = place_with(bench.buyer, bench.copy, (bench.product, 1), key=key)
    assert again.status == 201
    bench.assert_ordered_once(again.json["order_id"])


@pytest.mark.parametrize("step", STEPS)
def test_a_connection_lost_between_statements_is_retried_unnoticed(bench: Bench, step: int) -> None:
    with failing(step, CUT, BATCH) as put:
        answer = place_with(bench.buyer, bench.copy, (bench.product, 1))
    assert (put, answer.status) == ([step], 201)
    bench.assert_ordered_once(answer.json["order_id"])


@pytest.mark.parametrize("step", range(len(CANCELLING)))
def test_a_failed_cancellation_returns_nothing(bench: Bench, step: int) -> None:
    order_id = place_with(bench.buyer, bench.copy, (bench.product, 1)).json["order_id"]
    with failing(step, REFUSE, CANCELLING) as put:
        answer = cancel(bench.buyer, order_id)
    assert (put, answer.status) == ([step], 500)
    bench.assert_ordered_once(order_id)
    assert cancel(bench.buyer, order_id).status == 200
    assert (stock_of(bench.product), balance_of(bench.buyer.user_id)) == (3, 5_000)
    assert coupon_events(bench.copy) == ["CouponIssued", "CouponUsed", "CouponReturned"]
    bench.assert_books_hold()
