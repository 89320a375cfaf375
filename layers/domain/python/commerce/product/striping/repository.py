"""Stripes in PostgreSQL."""

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from commerce.product.striping import stocks
from commerce.product.striping.model import SalesSpike, Striping
from commerce.runtime import audit
from commerce.runtime.audit import Change
from commerce.runtime.db.statement import precompiled
from commerce.runtime.db.unit_of_work import UnitOfWork
from commerce.shared import clock

if TYPE_CHECKING:
    from commerce.product.striping import statements as sql
else:
    sql = precompiled("commerce.product.striping.statements")

NEWEST_MOVEMENTS = 100_000
"""As many are searched for a sales spike: more than a minute has."""


class SqlStripeRepository:
    """The stripes in PostgreSQL."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def lock(self, product_id: UUID) -> Striping | None:
        """Lock a product's stock and its stripes until the transaction ends."""
        found, stripes = self._uow.lock_together(
            sql.LOCK_STOCK(stock_id=product_id), stocks.locking(product_id)
        )
        for row in found:
            return Striping(row.product_id, max(1, len(stripes)), row.stripes_fixed)
        return None

    def save(self, striping: Striping) -> None:
        """Give a locked stock so many rows, and deal its units out to them."""
        ids = [striping.product_id]
        stripes = striping.rows if striping.rows > 1 else 0
        self._uow.write_last(
            sql.GATHER(ids=ids),
            sql.FIX(stock_id=striping.product_id, is_fixed=striping.is_fixed),
            sql.CLEAR(ids=ids),
            sql.ADD(rows=[_empty_stripe(striping.product_id, each) for each in range(stripes)]),
            stocks.dealing(ids),
            on_violation={},
        )

    def find_sales_spikes(self, since: datetime, *, hot: int, cool: int) -> list[SalesSpike]:
        """Find products without stripes with `hot` sales since then, and striped below `cool`.

        Products for which an admin has decided are left out.
        """
        query = sql.SALES_SPIKES(since=since, hot=hot, cool=cool, newest=NEWEST_MOVEMENTS)
        return [SalesSpike(*row) for row in self._uow.read(query)]

    def record(self, change: Change) -> None:
        """Record a change in the audit."""
        audit.record(self._uow, change)


def _empty_stripe(product_id: UUID, number: int) -> dict[str, Any]:
    return {
        "id": str(clock.new_id()),
        "product_id": str(product_id),
        "number": number,
        "quantity": 0,
        "version": 0,
    }
