"""Orders that meet somebody else's locks, or whose batch fails in the middle."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from commerce.runtime.db.connection import COMMIT
from commerce.runtime.db.current import database
from commerce.runtime.db.pipeline import Query
from tests.support.lambda_calls import Answer, call
from tests.support.other_connection import an_observer, held_by_another, wait_until
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
from tests.support.threads import run_concurrently

pytestmark = pytest.mark.usefixtures("shop_environment")

WRITTEN = [
    "orders", "order_line", "order_history", "point_account", "point_ledger", "outbox", "stock",
    "stock_movement", "once",
]  # fmt: skip
HOLD_STOCK = "SELECT 1 FROM stock WHERE product_id = $1 FOR UPDATE"
HOLD_ACCOUNT = "SELECT 1 FROM point_account WHERE user_id = $1 FOR UPDATE"
BLOCKED = "SELECT 1 FROM pg_stat_activity WHERE datname = $1 AND wait_event_type = 'Lock'"


def order(buyer: Person, *product_ids: str, key: str | None = None) -> Answer:
    body = {
        "lines": [{"product_id": id_, "quantity": 1} for id_ in product_ids],
        "payment_method": "POINT",
    }
    return call(
        "order/place_order", "POST", "/orders", body=body, token=buyer.token, key=key or a_key()
    )


def order_elsewhere(buyer: Person, product_id: str) -> Answer:
    """The same from a thread, and so a connection, of its own."""
    [answer] = run_concurrently([lambda: order(buyer, product_id)])
    return answer


def contents() -> dict[str, list[Any]]:
    """Every row of every table that an order writes."""
    return {table: rows(f"SELECT * FROM {table} AS row ORDER BY row::text") for table in WRITTEN}


def database_name(url: str) -> str:
    return url.rsplit("/", 1)[1]


@pytest.mark.parametrize("held", ["stock", "account"])
def test_a_lock_time_out_is_answered_busy_and_moves_nothing(own_shop: str, held: str) -> None:
    free, contended, buyer = a_product(price=100), a_product(price=100), a_buyer(points=1000)
    key, before = a_key(), contents()
    sql, value = (HOLD_STOCK, contended) if held == "stock" else (HOLD_ACCOUNT, buyer.user_id)

    with held_by_another(own_shop, sql, value):
        answer = order(buyer, free, contended, key=key)
        assert contents() == before

    assert (answer.status, answer.json["code"]) == (503, "BUSY")
    assert answer.headers["retry-after"] == "1"
    assert answer.headers["content-type"] == "application/problem+json"
    again = order(buyer, free, contended, key=key)
    assert (again.status, "idempotency-replayed" in again.headers) == (201, False)
    assert (stock_of(free), stock_of(contended), balance_of(buyer.user_id)) == (4, 4, 800)


def test_a_lock_released_in_time_is_waited_for(own_shop: str) -> None:
    product, buyer = a_product(stock=5, price=100), a_buyer(points=1000)
    name = database_name(own_shop)
    with (
        ThreadPoolExecutor(max_workers=1) as threads,
        held_by_another(own_shop, HOLD_STOCK, product) as somebody,
        an_observer(own_shop) as look,
    ):
        waiting = threads.submit(order_elsewhere, buyer, product)
        wait_until(lambda: look(BLOCKED, name) or waiting.done())
        somebody.run([Query("UPDATE stock SET quantity = 1 WHERE product_id = $1", [product])])
        somebody.run([COMMIT])
        assert waiting.result().status == 201
    assert stock_of(product) == 0


def test_an_order_that_waited_for_the_last_unit_in_vain_is_out_of_stock(own_shop: str) -> None:
    product, buyer = a_product(stock=1, price=100), a_buyer(points=1000)
    name, before = database_name(own_shop), rows("SELECT count(*) AS n FROM outbox")
    with (
        ThreadPoolExecutor(max_workers=1) as threads,
        held_by_another(own_shop, HOLD_STOCK, product) as somebody,
        an_observer(own_shop) as look,
    ):
        waiting = threads.submit(order_elsewhere, buyer, product)
        wait_until(lambda: look(BLOCKED, name) or waiting.done())
        somebody.run([Query("UPDATE stock SET quantity = 0 WHERE product_id = $1", [product])])
        somebody.run([COMMIT])
        answer = waiting.result()
    assert (answer.status, answer.json["code"]) == (409, "OUT_OF_STOCK")
    assert answer.json["errors"] == [{"product_id": product, "requested": 1, "available": 0}]
    assert balance_of(buyer.user_id) == 1000
    assert rows("SELECT count(*) AS n FROM outbox") == before


def test_a_deadlock_is_retried_and_not_shown(own_shop: str) -> None:
    product, buyer = a_product(stock=5, price=100), a_buyer(points=1000)
    name = database_name(own_shop)
    # Somebody never looks for deadlocks, so it is the order that is ended, and must try again.
    rows(f"ALTER DATABASE {name} SET deadlock_timeout = '2s'")
    with (
        ThreadPoolExecutor(max_workers=1) as threads,
        held_by_another(own_shop, HOLD_STOCK, product) as somebody,
        an_observer(own_shop) as look,
    ):
        somebody.run(
            [Query("SET LOCAL deadlock_timeout = '1h'"), Query("SET LOCAL lock_timeout = 0")]
        )
        waiting = threads.submit(order_elsewhere, buyer, product)
        wait_until(lambda: look(BLOCKED, name) or waiting.done())
        somebody.run([Query(HOLD_ACCOUNT, [buyer.user_id])])
        somebody.run([COMMIT])
        answer = waiting.result()
        ended = "SELECT 1 FROM pg_stat_database WHERE datname = $1 AND deadlocks > 0"
        wait_until(lambda: look(ended, name))
    assert answer.status == 201
    assert (stock_of(product), balance_of(buyer.user_id)) == (4, 900)
    assert_books_hold(product, users=(buyer.user_id,))


@pytest.mark.parametrize("table", WRITTEN)
def test_a_batch_that_fails_midway_writes_nothing(own_shop: str, table: str) -> None:
    product, buyer, key = a_product(stock=5, price=100), a_buyer(points=1000), a_key()
    before = contents()
    database().run(
        [
            Query(
                "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS"
                " $$ BEGIN RAISE EXCEPTION 'inner text: the vault code is 1234'; END $$"
            ),
            Query(
                f"CREATE TRIGGER fail AFTER INSERT OR UPDATE ON {table}"
                " FOR EACH ROW EXECUTE FUNCTION fail()"
            ),
        ]
    )

    answer = order(buyer, product, key=key)

    assert (answer.status, answer.json["code"]) == (500, "INTERNAL_ERROR")
    assert "vault" not in str(answer)
    assert contents() == before
    database().run([Query(f"DROP TRIGGER fail ON {table}")])
    again = order(buyer, product, key=key)
    assert (again.status, "idempotency-replayed" in again.headers) == (201, False)
    assert (stock_of(product), balance_of(buyer.user_id)) == (4, 900)


def test_an_order_that_keeps_losing_races_is_answered_busy(own_shop: str) -> None:
    product, buyer = a_product(stock=5, price=100), a_buyer(points=1000)
    before = contents()
    # The guard refuses at the commit, and whoever looks again finds nothing wrong.
    database().run(
        [
            Query(
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                " RAISE EXCEPTION 'no' USING ERRCODE = 'check_violation',"
                " CONSTRAINT = 'stock_sufficient'; END $$"
            ),
            Query(
                "CREATE TRIGGER refuse BEFORE UPDATE ON stock"
                " FOR EACH ROW EXECUTE FUNCTION refuse()"
            ),
        ]
    )
    answer = order(buyer, product)
    assert (answer.status, answer.json["code"]) == (503, "BUSY")
    assert contents() == before
