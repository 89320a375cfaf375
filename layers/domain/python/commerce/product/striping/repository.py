"""Stripes in PostgreSQL.

The functions are all that the product repository uses of striping, to read and to move stocks that
may be striped.
"""

import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from commerce.product.model import Cause, Stock
from commerce.product.striping.model import SalesSpike, StripedStock, Striping
from commerce.runtime import audit
from commerce.runtime.audit import Change
from commerce.runtime.db.pipeline import Query
from commerce.runtime.db.statement import precompiled
from commerce.runtime.db.unit_of_work import UnitOfWork
from commerce.shared import clock, trace

if TYPE_CHECKING:
    from commerce.product.striping import statements as sql
else:
    sql = precompiled("commerce.product.striping.statements")

NEWEST_MOVEMENTS = 100_000
"""As many are searched for a sales spike: more than a minute has."""

WORTH_DEALING = 4
"""Units per stripe: fewer stay in the stock's row, as they would be gathered again at once."""

STRIPE_HAS_MORE = "stripe_has_more"
"""The guard of `taking`: a stripe must have more units than are taken from it."""


def stock_of(
    product_id: UUID, own_units: int, version: int, stripes: Sequence[Sequence[int]]
) -> Stock:
    """Make a stock of its own row and its stripes, if it has any: the units and sales of each."""
    if not stripes:
        return Stock(product_id, own_units, version)
    units, sales = zip(*stripes, strict=True)
    return StripedStock(product_id, own_units + sum(units), version + sum(sales), units)


def locking(product_id: UUID) -> Query:
    """Lock a stock's stripes, after its own row, and read their units by their numbers."""
    return sql.LOCK(ids=[product_id])


def gathered(ids: Collection[UUID], lock: Query, move: Query) -> list[Query]:
    """Gather the striped stocks' units in their own rows around a movement, and deal out the rest.

    `lock` locks the own rows of all stocks that `move` moves.
    """
    if not ids:
        return [lock, move]
    striped = list(ids)
    return [lock, sql.LOCK(ids=striped), sql.GATHER(ids=striped), move, dealing(striped)]


def striped_among(stocks: Iterable[Stock]) -> list[UUID]:
    """Return the ids of the stocks that have stripes."""
    return [each.product_id for each in stocks if isinstance(each, StripedStock)]


def dealing(product_ids: Collection[UUID]) -> Query:
    """Deal the units of locked stocks out to their stripes, where that is worth it."""
    return sql.DEAL(ids=list(product_ids), worth_dealing=WORTH_DEALING)


def taking(
    stocks: Mapping[UUID, Stock], wanted: Mapping[UUID, int], cause: Cause
) -> dict[UUID, Query]:
    """Take the units of each striped stock from one stripe of it, without its own row's lock.

    Returns nothing where a stock has no stripe with more than is wanted. Each write is guarded by
    STRIPE_HAS_MORE, as the stripes may have changed since the stocks were read.
    """
    striped = {id_: each for id_, each in stocks.items() if isinstance(each, StripedStock)}
    numbers = {id_: striped[id_].stripes_with_more_than(wanted[id_]) for id_ in sorted(striped)}
    if not all(numbers.values()):
        return {}
    return {
        id_: sql.TAKE(
            product_id=id_,
            quantity=wanted[id_],
            numbers=random.sample(found, len(found)),  # so that buyers do not queue on the first
            changed_id=clock.new_id(),
            reason=cause.reason,
            order_id=cause.order_id,
            drop_id=cause.drop_id,
            by=cause.by,
            note=cause.note,
            at=clock.now(),
            trace_id=trace.trace_id(),
        )
        for id_, found in numbers.items()
    }


class SqlStripeRepository:
    """The stripes in PostgreSQL."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def lock(self, product_id: UUID) -> Striping | None:
        """Lock a product's stock and its stripes until the transaction ends."""
        found, stripes = self._uow.lock_together(
            sql.LOCK_STOCK(stock_id=product_id), locking(product_id)
        )
        for row in found:
            return Striping(row.product_id, max(1, len(stripes)), row.stripes_fixed)
        return None

    def save(self, striping: Striping) -> None:
        """Give a locked stock so many rows, and deal its units out to them."""
        id_ = striping.product_id
        empty = {"product_id": str(id_), "quantity": 0, "version": 0}
        numbers = range(striping.rows if striping.rows > 1 else 0)
        self._uow.write_last(
            sql.GATHER(ids=[id_]),
            sql.FIX(stock_id=id_, is_fixed=striping.is_fixed),
            sql.CLEAR(ids=[id_]),
            sql.ADD(
                rows=[{**empty, "id": str(clock.new_id()), "number": each} for each in numbers]
            ),
            dealing([id_]),
            on_violation={},
        )

    def find_sales_spikes(self, since: datetime, *, hot: int, cool: int) -> list[SalesSpike]:
        """Find products that `StripingFacade.follow_spike` should stripe, or no longer."""
        query = sql.SALES_SPIKES(since=since, hot=hot, cool=cool, newest=NEWEST_MOVEMENTS)
        return [SalesSpike(*row) for row in self._uow.read(query)]

    def record(self, change: Change) -> None:
        """Record a change in the audit."""
        audit.record(self._uow, change)
