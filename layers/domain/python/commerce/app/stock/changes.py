"""Counts and adjustments of stock. A refused one names the orders that hold units."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import UUID

from commerce.app.shop import Shop
from commerce.app.transactions import in_transaction, once
from commerce.product import AdjustStock, Oversold, SetStock, StockView
from commerce.runtime.db.statement import precompiled
from commerce.runtime.idempotency import Claim
from commerce.shared.etag import IfMatch

if TYPE_CHECKING:
    from commerce.app.stock import statements as sql
else:
    sql = precompiled("commerce.app.stock.statements")

MAX_ORDERS = 100  # spec §5


def set_stock(product_id: str, command: SetStock, *, by: str, if_match: IfMatch) -> StockView:
    """Count a product's stock; see StockFacade.set."""
    return in_transaction(_set_stock, product_id, command, by=by, if_match=if_match)


def adjust_stock(key: Claim, product_id: str, command: AdjustStock, *, by: str) -> StockView:
    """Adjust a product's stock, once per key; see StockFacade.adjust."""
    return once(key, _adjust_stock, product_id, command, by=by)


def _set_stock(
    shop: Shop, product_id: str, command: SetStock, *, by: str, if_match: IfMatch
) -> StockView:
    with _naming_orders(shop, product_id):
        return shop.stock.set(product_id, command, by=by, if_match=if_match)


def _adjust_stock(shop: Shop, product_id: str, command: AdjustStock, *, by: str) -> StockView:
    with _naming_orders(shop, product_id):
        return shop.stock.adjust(product_id, command, by=by)


@contextmanager
def _naming_orders(shop: Shop, product_id: str) -> Iterator[None]:
    try:
        yield
    except Oversold as refusal:
        shop.uow.rollback()  # so that no one waits for the stock while they are read
        query = sql.ORDERS_HOLDING(product_id=UUID(product_id), limit=MAX_ORDERS)
        orders = [row.order_id for row in shop.uow.read(query)]
        raise Oversold(refusal.by, orders) from refusal
