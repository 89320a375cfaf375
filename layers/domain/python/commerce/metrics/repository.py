"""Daily product metrics in PostgreSQL."""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from commerce.metrics.model import COUNTED, MetricDelta
from commerce.runtime import business_time
from commerce.runtime.db.pipeline import Query
from commerce.runtime.db.statement import precompiled
from commerce.runtime.db.unit_of_work import UnitOfWork
from commerce.shared import clock

if TYPE_CHECKING:
    from commerce.metrics import statements as sql
else:
    sql = precompiled("commerce.metrics.statements")


class MetricsRepository(Protocol):
    """Where the days are kept."""

    def add(self, deltas: Sequence[MetricDelta]) -> None:
        """Add the deltas to their business days."""

    def product_id_after(self, days: Sequence[date], after: UUID, skip: int) -> UUID | None:
        """The product of the row that follows, in products' order, when so many are skipped."""


class SqlMetricsRepository:
    """The days of the database."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def add(self, deltas: Sequence[MetricDelta]) -> None:
        rows = [
            {
                "product_id": str(delta.product_id),
                "at": clock.rfc3339(delta.at),
                **{name: getattr(delta, name) for name in COUNTED},
            }
            for delta in deltas
        ]
        if rows:
            self._uow.write(sql.ADD(deltas=rows, time_zone=business_time.zone_name()))

    def product_id_after(self, days: Sequence[date], after: UUID, skip: int) -> UUID | None:
        rows = self._uow.read(_row_after(days, after, skip))
        return next((row.product_id for row in rows), None)


def _row_after(days: Sequence[date], after: UUID, skip: int) -> Query:
    # For any number of days, so it is compiled when it is needed.
    from commerce.metrics.sums import by_number, product_ids_after

    return product_ids_after(len(days))(after_id=after, skip=skip, **by_number(days))
