"""Stocks from before `on_hand` was recorded are opened while the code before goes on selling."""

import importlib.util
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest

from commerce.runtime.db.connection import Database
from commerce.runtime.db.pipeline import Query
from commerce.shared import clock
from tests.support.admin import count_stock, movements_of, stock_seen, units_of
from tests.support.backends import ROOT
from tests.support.orders import an_order, cancel, cancel_as_admin, ship
from tests.support.shop import (
    Person,
    a_buyer,
    a_product,
    an_admin,
    assert_books_hold,
    rows,
    set_stripes,
)
from tests.support.threads import run_concurrently

UNITS, PRICE = 40, 0

# The statements of the code before, as it sent them: they name none of the new columns.
MOVE = """
    WITH moved AS (
        UPDATE stock SET quantity = stock.quantity + move.change, version = stock.version + 1
        FROM jsonb_to_recordset(CAST($1 AS jsonb)) AS move(product_id uuid, change bigint)
        WHERE stock.product_id = move.product_id AND stock.quantity + move.change >= 0
        RETURNING stock.product_id, change
    ), movement AS (
        INSERT INTO stock_movement (product_id, change, reason, order_id, at)
        SELECT product_id, change, CAST($2 AS text), CAST($3 AS uuid), now() FROM moved
    )
    SELECT require((SELECT count(*) FROM moved) = 1, 'stock_sufficient')
"""
ORDER = """
    INSERT INTO orders (id, buyer_id, status, payment_method, currency, total_amount,
        discount_amount, points_used_amount, placed_at, version)
    VALUES ($1, $2, 'CONFIRMED', 'POINT', 'KRW', 0, 0, 0, now(), 2)
"""
LINE = """
    INSERT INTO order_line (order_id, position, product_id, product_name, brand_id, brand_name,
        unit_price_amount, quantity)
    VALUES ($1, 0, $2, 'Anvil', gen_random_uuid(), 'Acme', 0, $3)
"""
STATUS = "UPDATE orders SET status = CAST($2 AS text), version = version + 1 WHERE id = $1"
HISTORY = """
    INSERT INTO order_history (order_id, position, status, at, "by", reason)
    SELECT $1, count(*), CAST($2 AS text), now(), 'admin:before', '' FROM order_history
    WHERE order_id = $1
"""


class CodeBefore:
    """The code of the release before, on one product."""

    def __init__(self, database: Database, product: str) -> None:
        self._database, self._product = database, product

    def place(self, units: int) -> UUID:
        """Place an order that is confirmed at once."""
        id_ = clock.new_id()
        self._run(
            (ORDER, id_, uuid4()), (LINE, id_, self._product, units), (HISTORY, id_, "CONFIRMED"),
            (MOVE, self._move(-units), "SOLD", id_),
        )  # fmt: skip
        return id_

    def ship(self, order_id: UUID) -> None:
        """Ship an order, which changed no stock."""
        self._run((STATUS, order_id, "SHIPPED"), (HISTORY, order_id, "SHIPPED"))

    def cancel(self, order_id: UUID, units: int) -> None:
        """Cancel an order, whether it was shipped or not: its units were restocked at once."""
        self._run(
            (STATUS, order_id, "CANCELLED"), (HISTORY, order_id, "CANCELLED"),
            (MOVE, self._move(units), "RETURNED", order_id),
        )  # fmt: skip

    def count(self, quantity: int) -> None:
        """Set what is available."""
        [found] = self._database.run(
            [Query("SELECT quantity FROM stock WHERE product_id = $1", [self._product])]
        )[0]
        counted = "UPDATE stock SET counted = counted + 1 WHERE product_id = $1"
        move = self._move(quantity - found.quantity)
        self._run((counted, self._product), (MOVE, move, "COUNTED", None))

    def _move(self, change: int) -> str:
        return f'[{{"product_id": "{self._product}", "change": {change}}}]'

    def _run(self, *queries: Any) -> None:
        self._database.run([Query(sql, list(values)) for sql, *values in queries])


@pytest.fixture
def before(own_shop: str) -> Iterator[CodeBefore]:
    """The code before, and a product of forty units that it has."""
    product = str(a_product(stock=0, price=PRICE))
    with closing(Database(lambda: own_shop)) as database:
        yield CodeBefore(database, product)


@pytest.fixture
def open_stocks(own_shop: str) -> Callable[[], None]:
    """The second step of the migration."""
    path = ROOT / "infra/migrations/opening.py"
    spec = importlib.util.spec_from_file_location("opening", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Callable[[], None] = module.open_stocks
    return found


def as_before_the_migration(product: str) -> None:
    """Take away what the migration and its triggers have recorded so far."""
    rows("DELETE FROM stock_movement WHERE product_id = $1 AND change = 0", product)
    rows("UPDATE stock_movement SET on_hand_change = 0 WHERE product_id = $1", product)
    rows("UPDATE stock SET on_hand = 0, is_opened = false WHERE product_id = $1", product)


def history(before: CodeBefore) -> UUID:
    """Orders in every state; returns one of two units that is not shipped yet.

    Of 40 units 6 were shipped, 4 are reserved, 30 are available.
    """
    before.count(UNITS)
    for ends in ("shipped", "cancelled", "shipped and cancelled", "open"):
        order_id = before.place(6 if ends == "shipped" else 2)
        if "shipped" in ends:
            before.ship(order_id)
        if "cancelled" in ends:
            before.cancel(order_id, 2)
    return before.place(2)


def product_of(before: CodeBefore) -> str:
    return before._product


@pytest.mark.parametrize("stripes", [1, 4])
def test_opened_stocks_are_what_open_orders_hold_and_what_is_available(
    before: CodeBefore, open_stocks: Callable[[], None], stripes: int
) -> None:
    product = product_of(before)
    history(before)
    set_stripes(product, stripes)
    as_before_the_migration(product)
    assert count_stock(product, on_hand=1).status == 503
    open_stocks()
    assert units_of(product) == (34, 4, 30)
    newest = movements_of(product, "?limit=1").json["items"][0]
    assert (newest["reason"], newest["change"], newest["balance"]) == (
        "OPENED",
        {"on_hand": -6, "reserved": -6, "available": 0},
        {"on_hand": 34, "reserved": 4, "available": 30},
    )
    first = movements_of(product, "?limit=100").json["items"][-1]
    assert first["balance"] == {"on_hand": 40, "reserved": 0, "available": 40}
    assert_books_hold(product)
    seen = stock_seen(product).json
    open_stocks()
    assert stock_seen(product).json == seen


@pytest.mark.parametrize("moment", ["before the opening", "after the opening"])
def test_the_code_before_cannot_make_the_numbers_false(
    before: CodeBefore, open_stocks: Callable[[], None], moment: str
) -> None:
    product = product_of(before)
    open_order = history(before)
    shipped = before.place(1)
    before.ship(shipped)
    as_before_the_migration(product)
    if moment == "after the opening":
        open_stocks()
        assert units_of(product) == (33, 4, 29)
    before.ship(open_order)  # 31, 2, 29
    before.cancel(before.place(5), 5)
    before.place(3)  # 31, 5, 26
    before.cancel(shipped, 1)  # which restocks: 32, 5, 27
    before.count(20)  # 25, 5, 20
    recalled = before.place(2)
    before.ship(recalled)  # 23, 5, 18
    before.cancel(recalled, 2)  # 25, 5, 20
    open_stocks()
    assert units_of(product) == (25, 5, 20)
    assert_books_hold(product)


def test_new_and_old_code_act_on_each_others_orders(
    before: CodeBefore, open_stocks: Callable[[], None]
) -> None:
    product, buyer, admin = product_of(before), a_buyer(points=1_000), an_admin()
    history(before)
    as_before_the_migration(product)
    open_stocks()
    old, new = before.place(2), an_order(buyer, (product, 3))
    assert units_of(product) == (34, 9, 25)
    assert ship(admin, str(old)).status == 200
    before.ship(UUID(new))
    assert units_of(product) == (29, 4, 25)
    assert cancel_as_admin(admin, str(old)).status == 200  # shipped, so nothing is restocked
    before.cancel(UUID(new), 3)  # the code before restocks
    assert units_of(product) == (32, 4, 28)
    theirs = before.place(1)
    assert cancel_as_admin(admin, str(theirs)).status == 200
    ours = an_order(buyer, (product, 1))
    assert cancel(buyer, ours).status == 200
    assert units_of(product) == (32, 4, 28)
    assert_books_hold(product)


def test_stocks_are_opened_while_all_code_sells_ships_and_cancels(
    before: CodeBefore, own_shop: str, open_stocks: Callable[[], None]
) -> None:
    product = product_of(before)
    history(before)
    as_before_the_migration(product)

    def old(number: int) -> None:
        code = CodeBefore(Database(lambda: own_shop), product)
        for turn in range(4):
            order_id = code.place(1)
            if (number + turn) % 3 == 0:
                code.ship(order_id)
            if (number + turn) % 3 == 1:
                code.cancel(order_id, 1)
        code._database.close()

    def new(buyer: Person) -> None:
        for turn in range(3):
            order_id = an_order(buyer, (product, 1))
            if turn:
                (partial(ship, an_admin()) if turn == 1 else partial(cancel, buyer))(order_id)

    buyers = [a_buyer(points=1_000) for _ in range(2)]
    work: list[Callable[[], None]] = [
        *(partial(old, n) for n in range(3)),
        *(partial(new, each) for each in buyers),
    ]
    run_concurrently([*work, open_stocks, open_stocks])
    on_hand, reserved, available = units_of(product)
    assert (on_hand - available, reserved) == (reserved, reserved)
    # Of 12 orders of the code before 4 are shipped and 4 cancelled; of 6 others 2 and 2.
    assert (on_hand, reserved, available) == (34 - 6, 4 + 6, 30 - 12)
    assert_books_hold(product, users=[each.user_id for each in buyers])


def test_a_product_that_the_code_before_registers_is_opened_at_once(own_shop: str) -> None:
    product = a_product(stock=0)
    rows("DELETE FROM stock WHERE product_id = $1", product)
    rows("INSERT INTO stock (product_id, quantity, version) VALUES ($1, 0, 1)", product)
    assert stock_seen(product).status == 200
    assert units_of(product) == (0, 0, 0)
