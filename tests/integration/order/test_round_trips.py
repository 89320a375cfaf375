"""The round trips of an order to PostgreSQL, and those while the stock row is locked."""

from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit

import pg8000.dbapi
import pytest

from commerce.app.transactions import in_transaction
from commerce.point import ChargePoints
from commerce.product.striping.model import StripedStock
from tests.support.coupons import a_coupon, an_issued, issue, place_with
from tests.support.lambda_calls import Answer, call
from tests.support.orders import cancel, place
from tests.support.proxy import PostgresProxy, RoundTrip, waits_under_lock
from tests.support.sessions import a_signed_in_buyer
from tests.support.shop import (
    Person,
    a_buyer,
    a_key,
    a_product,
    a_striped_product,
    assert_books_hold,
    balance_of,
    rows,
    stock_of,
    stripes_of,
)

ROUND_TRIPS = 2  # everything that is read, and everything that is written
LOCK = ("FROM stock", "FOR UPDATE")


def order(buyer: Person, *product_ids: str, key: str | None = None) -> Answer:
    body = {
        "lines": [{"product_id": id_, "quantity": 1} for id_ in product_ids],
        "payment_method": "POINT",
    }
    return call(
        "order/place_order", "POST", "/orders", body=body, token=buyer.token, key=key or a_key()
    )


def trips_of_an_order(proxy: PostgresProxy, lines: int) -> list[RoundTrip]:
    ids = [a_product(stock=2, price=1) for _ in range(lines)]
    buyer = a_buyer(points=2 * lines)
    assert order(buyer, *ids).status == 201  # the function is warm
    proxy.forget()
    assert order(buyer, *ids).status == 201
    trips = list(proxy.trips)
    assert {stock_of(id_) for id_ in ids} == {0}
    assert_books_hold(*ids, users=(buyer.user_id,))
    return trips


@pytest.mark.parametrize("lines", [1, 50])
def test_an_order_takes_two_round_trips_for_any_number_of_lines(
    proxy: PostgresProxy, lines: int
) -> None:
    trips = trips_of_an_order(proxy, lines)
    assert len(trips) == ROUND_TRIPS


def test_the_session_check_adds_no_round_trip_to_an_order(proxy: PostgresProxy) -> None:
    buyer = a_signed_in_buyer()
    in_transaction(lambda shop: shop.points.charge(ChargePoints(amount=9), user_id=buyer.user_id))
    product = a_product(stock=9, price=1)
    assert order(buyer, product).status == 201  # the function is warm
    proxy.forget()
    assert order(buyer, product).status == 201
    trips = list(proxy.trips)
    assert len(trips) == ROUND_TRIPS
    checked = [trip.holds("FROM user_session") for trip in trips]
    assert checked == [True, False]


@pytest.mark.parametrize("lines", [1, 50])
def test_no_round_trip_waits_while_the_stock_is_locked(proxy: PostgresProxy, lines: int) -> None:
    trips = trips_of_an_order(proxy, lines)
    assert waits_under_lock(trips, *LOCK) == 0
    *reads, batch = trips
    assert not any(trip.holds("FOR UPDATE") or trip.is_in_transaction for trip in reads)
    assert batch.statements[0].startswith("INSERT INTO once")
    assert [LOCK[0] in sql and LOCK[1] in sql for sql in batch.statements[-3:-1]] == [True, False]
    assert "UPDATE stock" in batch.statements[-2]
    assert "product_drop" in batch.statements[-1]


@pytest.mark.parametrize("lines", [1, 3])
def test_a_striped_order_takes_two_round_trips_and_holds_no_stripe(
    proxy: PostgresProxy, lines: int
) -> None:
    ids, buyer = [a_striped_product(4, stock=40, price=1) for _ in range(lines)], a_buyer(100)
    assert order(buyer, *ids).status == 201  # the function is warm
    proxy.forget()
    assert order(buyer, *ids).status == 201
    *reads, batch = proxy.trips
    assert len(proxy.trips) == ROUND_TRIPS
    assert not any(trip.holds("FOR UPDATE") or trip.is_in_transaction for trip in reads)
    taken = ["UPDATE stock_stripe" in sql for sql in batch.statements[-lines - 2 :]]
    assert taken == [False, *[True] * lines, False]
    assert waits_under_lock(proxy.trips, "UPDATE stock_stripe") == 0
    assert not batch.holds(*LOCK) or "FROM stock_stripe" in batch.statements[-2]
    assert_books_hold(*ids, users=[buyer.user_id])


def test_an_order_without_a_full_stripe_gathers_in_two_round_trips(
    proxy: PostgresProxy,
) -> None:
    product, buyer = a_striped_product(4, stock=40, price=1), a_buyer(100)
    assert place(buyer, (product, 11)).status == 201  # the function is warm
    proxy.forget()
    assert place(buyer, (product, 11)).status == 201
    assert len(proxy.trips) == ROUND_TRIPS
    assert waits_under_lock(proxy.trips, *LOCK) == 0
    assert_books_hold(product, users=[buyer.user_id])


def test_an_order_whose_stripes_changed_takes_one_more_round_trip(
    proxy: PostgresProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    product, buyer = a_striped_product(2, stock=9, price=1), a_buyer(100)
    assert order(buyer, product).status == 201  # the function is warm
    rows("UPDATE stock SET quantity = 6 WHERE product_id = $1", product)
    rows("UPDATE stock_stripe SET quantity = 1 WHERE product_id = $1", product)
    monkeypatch.setattr(
        StripedStock, "stripes_with_more_than", lambda *_: [0, 1]
    )  # as they were read
    proxy.forget()
    assert place(buyer, (product, 2)).status == 201
    refused, batch = proxy.trips[-2:]
    assert len(proxy.trips) == ROUND_TRIPS + 1
    assert refused.holds("UPDATE stock_stripe")
    assert not refused.is_in_transaction
    assert batch.holds(*LOCK)
    assert (stock_of(product), stripes_of(product)) == (6, [0, 0])
    assert_books_hold(product, users=[buyer.user_id])


def test_a_coupon_adds_no_round_trip_and_is_locked_first(
    proxy: PostgresProxy,
) -> None:
    product, buyer = a_product(stock=2, price=1_000), a_buyer(points=2_000)
    assert place_with(buyer, an_issued(buyer), (product, 1)).status == 201  # the function is warm
    copy = an_issued(buyer)
    proxy.forget()
    assert place_with(buyer, copy, (product, 1)).status == 201
    trips = list(proxy.trips)
    assert len(trips) == ROUND_TRIPS
    assert waits_under_lock(trips, *LOCK) == 0
    *reads, batch = trips
    assert not any(trip.holds("FOR UPDATE") or trip.is_in_transaction for trip in reads)
    locks = [sql for sql in batch.statements if "FOR UPDATE" in sql]
    tables = ("issued_coupon", "point_account", "stock")
    assert [table in sql for table, sql in zip(tables, locks, strict=True)] == [True] * 3
    assert_books_hold(product, users=[buyer.user_id])


def test_issuing_a_coupon_takes_two_round_trips_and_holds_no_stripe(
    proxy: PostgresProxy,
) -> None:
    coupon, user = a_coupon(total_quantity=2), a_buyer()
    assert issue(a_buyer(), coupon).status == 201  # the function is warm
    proxy.forget()
    assert issue(user, coupon).status == 201
    read, batch = proxy.trips
    assert not read.holds("FOR UPDATE")
    assert waits_under_lock([read, batch], "UPDATE coupon_stripe") == 0
    assert "UPDATE coupon_stripe" in batch.statements[-1]
    proxy.forget()
    assert issue(user, coupon).status == 200
    assert issue(a_buyer(), coupon).json["code"] == "COUPON_SOLD_OUT"
    assert len(proxy.trips) == 2
    assert not any(trip.holds("FOR UPDATE") for trip in proxy.trips)


def test_a_returned_coupon_is_locked_after_its_order(proxy: PostgresProxy) -> None:
    product, buyer = a_product(stock=2, price=1_000), a_buyer(points=2_000)
    first, second = (
        place_with(buyer, an_issued(buyer), (product, 1)).json["order_id"] for _ in range(2)
    )
    assert cancel(buyer, first).status == 200  # the function is warm
    proxy.forget()
    assert cancel(buyer, second).status == 200
    order_lock, coupon_lock, batch = proxy.trips
    assert order_lock.holds("FROM orders", "FOR UPDATE")
    assert coupon_lock.holds("FROM issued_coupon", "FOR UPDATE")
    assert waits_under_lock([order_lock, coupon_lock, batch], *LOCK) == 0
    assert_books_hold(product, users=[buyer.user_id])


def test_a_refused_order_writes_nothing_but_its_answer(proxy: PostgresProxy) -> None:
    product, buyer = a_product(stock=0), a_buyer()
    order(buyer, product)
    proxy.forget()
    assert order(buyer, product).json["code"] == "OUT_OF_STOCK"
    *reads, answer = proxy.trips
    assert all(sql.startswith("SELECT") for trip in reads for sql in trip.statements)
    assert not any(trip.holds("FOR UPDATE") for trip in reads)
    kept, found = answer.statements
    assert kept.startswith("INSERT INTO once")
    assert found.startswith("SELECT")


def test_an_order_whose_answer_is_lost_is_placed_once(proxy: PostgresProxy) -> None:
    product, buyer, key = a_product(stock=1, price=100), a_buyer(points=100), a_key()
    lost: list[RoundTrip] = []

    def lose_the_first(trip: RoundTrip) -> bool:
        is_first = trip.holds(*LOCK) and not lost
        lost.extend([trip] * is_first)
        return is_first

    proxy.loses_answer = lose_the_first
    first = order(buyer, product, key=key)
    again = order(buyer, product, key=key)

    assert len(lost) == 1
    assert (first.status, again.status, again.json) == (201, 201, first.json)
    assert (stock_of(product), balance_of(buyer.user_id)) == (0, 0)
    placed = rows("SELECT id FROM orders WHERE buyer_id = $1", buyer.user_id)
    assert [str(row.id) for row in placed] == [first.json["order_id"]]
    assert_books_hold(product, users=(buyer.user_id,))


@pytest.mark.parametrize("lines", [1, 50])
def test_a_cancellation_takes_two_round_trips_and_holds_no_stock(
    proxy: PostgresProxy, lines: int
) -> None:
    ids, buyer = [a_product(stock=2, price=1) for _ in range(lines)], a_buyer(points=2 * lines)
    first, second = (order(buyer, *ids).json["order_id"] for _ in range(2))
    assert cancel(buyer, first).status == 200  # the function is warm
    proxy.forget()
    assert cancel(buyer, second, key=a_key()).status == 200
    lock, batch = proxy.trips
    assert lock.holds("FROM orders", "FOR UPDATE")
    assert waits_under_lock([lock, batch], *LOCK) == 0
    assert [LOCK[0] in sql and LOCK[1] in sql for sql in batch.statements[-3:]] == [
        True,
        False,
        False,
    ]
    assert batch.statements[-1] == "COMMIT"
    assert {stock_of(id_) for id_ in ids} == {2}
    assert_books_hold(*ids, users=[buyer.user_id])


def test_a_cancellation_with_an_unknown_commit_takes_effect_once(proxy: PostgresProxy) -> None:
    product, buyer = a_product(stock=1, price=100), a_buyer(points=100)
    order_id, lost = order(buyer, product).json["order_id"], list[RoundTrip]()

    def lose_the_first(trip: RoundTrip) -> bool:
        is_first = trip.holds(*LOCK) and not lost
        lost.extend([trip] * is_first)
        return is_first

    proxy.loses_answer = lose_the_first
    answer = cancel(buyer, order_id, key=a_key())

    assert len(lost) == 1
    # What the lost commit of this request made is its own answer, and no replay.
    assert (answer.status, answer.headers.get("idempotency-replayed")) == (200, None)
    assert (stock_of(product), balance_of(buyer.user_id)) == (1, 100)
    assert_books_hold(product, users=[buyer.user_id])


@pytest.fixture
def plain(proxy: PostgresProxy) -> Iterator[pg8000.dbapi.Connection]:
    """pg8000 as it comes, through the proxy."""
    parts = urlsplit(proxy.url)
    with closing(
        pg8000.dbapi.Connection(
            parts.username,
            host=parts.hostname,
            port=parts.port,
            database=parts.path.lstrip("/"),
            password=parts.password,
        )
    ) as connection:
        connection.autocommit = True
        yield connection


def test_the_counter_counts_three_trips_for_unprepared_parameters(
    proxy: PostgresProxy, plain: pg8000.dbapi.Connection
) -> None:
    for _ in range(2):
        proxy.forget()
        plain.cursor().execute("SELECT %s::int", (1,))
        assert len(proxy.trips) == 3
        assert sum(len(trip.statements) for trip in proxy.trips) == 1
    proxy.forget()
    plain.cursor().execute("SELECT 1")
    assert proxy.trips == [RoundTrip(("SELECT 1",), is_in_transaction=False)]


def test_the_counter_finds_round_trips_under_a_lock(
    proxy: PostgresProxy, plain: pg8000.dbapi.Connection
) -> None:
    product = a_product()
    plain.autocommit = False
    proxy.forget()
    cursor = plain.cursor()
    cursor.execute("SELECT quantity FROM stock WHERE product_id = %s FOR UPDATE", (product,))
    cursor.execute("UPDATE stock SET quantity = quantity - 1 WHERE product_id = %s", (product,))
    plain.commit()
    begin, select, update, commit = 1, 3, 3, 3
    assert len(proxy.trips) == begin + select + update + commit
    runs = 1  # the driver parses and describes first: the lock comes with the third answer
    assert waits_under_lock(proxy.trips, *LOCK) == runs + update + commit - 1
    assert stock_of(product) == 4
