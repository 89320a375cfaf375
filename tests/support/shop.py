"""Fill the shop before a test, and read its state afterwards."""

import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from commerce.app.products import register_product
from commerce.app.reconciliation import Scope, reconcile
from commerce.app.transactions import in_transaction
from commerce.brand import BrandFacade, RegisterBrand
from commerce.point import ChargePoints
from commerce.product import RegisterProduct, SetStock, StockFacade
from commerce.product.striping import SetStripes, StripingFacade
from commerce.runtime import tokens
from commerce.runtime.db.current import database
from commerce.runtime.db.pipeline import Query, Row
from commerce.shared import clock, scopes
from commerce.shared.events import plain

SHARED_DATABASE = "TEST_SHARED_DATABASE"
"""The variable that names the database which all tests of a run share."""


@dataclass(frozen=True, slots=True)
class Person:
    """A buyer with a token."""

    user_id: UUID
    token: str


def require_own_shop() -> None:
    """Refuse what handles every row of a shop where other tests have rows in it."""
    shared = os.environ.get(SHARED_DATABASE)
    assert shared != os.environ["DATABASE_URL"].rpartition("/")[2], "use the fixture own_shop"


def a_buyer(points: int = 0) -> Person:
    """Somebody with so many points."""
    user_id = clock.new_id()
    if points:
        in_transaction(
            lambda shop: shop.points.charge(ChargePoints(amount=points), user_id=user_id)
        )
    return Person(user_id, tokens.sign(user_id))


def staff_with(*granted: scopes.Scope) -> Person:
    """A member of staff with these scopes."""
    user_id = clock.new_id()
    return Person(user_id, tokens.sign(user_id, frozenset(granted)))


def an_admin() -> Person:
    """Somebody who may do everything."""
    return staff_with(scopes.Scope.ADMIN)


def a_brand(name: str = "Acme") -> str:
    """A brand; returns its id."""
    return in_transaction(BrandFacade.register, RegisterBrand(name=name)).brand_id


def a_product(
    stock: int = 5, price: int = 1000, name: str = "Anvil", brand_id: str | None = None
) -> str:
    """A product that can be bought; returns its id."""
    command = RegisterProduct(brand_id=brand_id or a_brand(), name=name, price_amount=price)
    product = in_transaction(register_product, command)
    in_transaction(StockFacade.set, product.product_id, SetStock(quantity=stock))
    return product.product_id


def a_striped_product(stripes: int, stock: int = 5, price: int = 1000) -> str:
    """The same with its stock dealt out to so many rows; returns its id."""
    product = a_product(stock, price)
    set_stripes(product, stripes)
    return product


def set_stripes(product_id: str, stripes: int | None) -> None:
    """Deal a stock out to so many rows."""
    command = SetStripes(stripes=stripes)
    in_transaction(StripingFacade.set_stripes, product_id, command, by="test")


def a_key() -> str:
    """A new Idempotency-Key."""
    return secrets.token_hex(16)


def an_address() -> str:
    """An IP address in a network of its own."""
    return f"2001:db8:{secrets.token_hex(2)}:{secrets.token_hex(2)}::1"


def rows(sql: str, *values: object) -> list[Row]:
    """Return the rows of a SELECT, with $1, $2 … for the values."""
    return database().run([Query(sql, values)])[0]


_UNITS = """
    SELECT stock.quantity + coalesce(sum(stripe.quantity), 0) AS units
    FROM stock LEFT JOIN stock_stripe AS stripe USING (product_id)
    WHERE product_id = $1 GROUP BY stock.quantity
"""


def stock_of(product_id: str) -> int:
    """Return the units left."""
    return int(rows(_UNITS, product_id)[0].units)


def stripes_of(product_id: str) -> list[int]:
    """Return the units in each of the product's stripes."""
    sql = "SELECT quantity FROM stock_stripe WHERE product_id = $1 ORDER BY number"
    return [row.quantity for row in rows(sql, product_id)]


def balance_of(user_id: UUID) -> int:
    """Return the points left."""
    found = rows("SELECT balance FROM point_account WHERE user_id = $1", user_id)
    return int(found[0].balance) if found else 0


def units_ordered(product_id: str) -> int:
    """Return the units that all orders together took."""
    sql = "SELECT coalesce(sum(quantity), 0) AS units FROM order_line WHERE product_id = $1"
    return int(rows(sql, product_id)[0].units)


def events_about(product_id: str, *types: str) -> list[dict[str, Any]]:
    """The envelopes of the events of these types that name the product, oldest first."""
    return _events("data->>'product_id'", product_id, types)


def events_of(aggregate_id: UUID, *types: str) -> list[dict[str, Any]]:
    """The envelopes of the events of these types of one aggregate, oldest first."""
    return _events("aggregate_id::text", str(aggregate_id), types)


def _events(named_by: str, id_: str, types: Sequence[str]) -> list[dict[str, Any]]:
    found = rows(
        "SELECT id, source, type, occurred_at, aggregate_id, aggregate_version, trace_id, data"
        f" FROM outbox WHERE type = ANY($2) AND {named_by} = $1 ORDER BY position",
        id_,
        list(types),
    )
    return [{name: plain(value) for name, value in row._asdict().items()} for row in found]


def likes_of(product_id: str) -> int:
    """Return the number of likes stored for the product."""
    sql = "SELECT count(*) AS n FROM product_like WHERE product_id = $1"
    return int(rows(sql, product_id)[0].n)


def like_count_of(product_id: str) -> int:
    """Return the like count that the product shows."""
    return int(rows("SELECT like_count FROM product WHERE id = $1", product_id)[0].like_count)


def assert_books_hold(
    *product_ids: str, users: Sequence[UUID] = (), coupons: Sequence[str] = ()
) -> None:
    """The books of these products, users and coupons hold, and those of all orders of theirs."""
    products = [UUID(each) for each in product_ids]
    sql = """
        SELECT order_id AS id FROM order_line WHERE product_id = ANY (CAST($1 AS uuid[]))
        UNION SELECT order_id FROM stock_movement
            WHERE product_id = ANY (CAST($1 AS uuid[])) AND order_id IS NOT NULL
        UNION SELECT id FROM orders WHERE buyer_id = ANY (CAST($2 AS uuid[]))
    """
    orders = [row.id for row in rows(sql, products, list(users))]
    sql = "SELECT DISTINCT drop_id AS id FROM drop_lot WHERE product_id = ANY (CAST($1 AS uuid[]))"
    drops = [row.id for row in rows(sql, products)]
    found = reconcile(Scope(products, users, orders, [UUID(each) for each in coupons], drops))
    assert found.holds, "\n".join(str(each) for each in found.findings)
    assert (found.products, found.accounts, found.orders, found.coupons) == (
        len(set(products)),
        len(set(users)),
        len(orders),
        len(set(coupons)),
    )
