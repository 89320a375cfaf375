"""Counts and adjustments of stock. A refused one names the orders that hold units."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import UUID

from commerce.app.transactions import in_transaction, once
from commerce.product import AdjustStock, Oversold, SetStock, StockFacade, StockView
from commerce.runtime.db.current import database
from commerce.runtime.db.statement import precompiled
from commerce.runtime.db.unit_of_work import UnitOfWork
from commerce.runtime.idempotency import Claim
from commerce.shared.etag import IfMatch

if TYPE_CHECKING:
    from commerce.app.stock import statements as sql
else:
    sql = precompiled("commerce.app.stock.statements")

MAX_ORDERS = 100  # spec §5


def set_stock(product_id: str, command: SetStock, *, by: str, if_match: IfMatch) -> StockView:
    """Count a product's stock; see StockFacade.set."""
    with _naming_orders(product_id):
        return in_transaction(StockFacade.set, product_id, command, by=by, if_match=if_match)


def adjust_stock(key: Claim, product_id: str, command: AdjustStock, *, by: str) -> StockView:
    """Adjust a product's stock, once per key; see StockFacade.adjust."""
    with _naming_orders(product_id):
        return once(key, StockFacade.adjust, product_id, command, by=by)


@contextmanager
def _naming_orders(product_id: str) -> Iterator[None]:
    # They are read after the rollback, so that nobody waits for the stock meanwhile.
    try:
        yield
    except Oversold as refusal:
        query = sql.ORDERS_HOLDING(product_id=UUID(product_id), limit=MAX_ORDERS)
        with UnitOfWork(database()) as uow:
            orders = [row.order_id for row in uow.read(query)]
        raise Oversold(refusal.by, orders) from refusal
