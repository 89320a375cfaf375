"""Daily product metrics in PostgreSQL."""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from commerce.metrics.model import COUNTED, NUMBERS_OF_DAYS, MetricDelta
from commerce.runtime import business_time
from commerce.runtime.db.pipeline import Query
from commerce.runtime.db.statement import precompiled
from commerce.runtime.db.unit_of_work import UnitOfWork
from commerce.shared import clock

if TYPE_CHECKING:
    from commerce.metrics import statements as sql
else:
    sql = precompiled("commerce.metrics.statements")

_NO_DAY = date.min  # no row has it


class MetricsRepository(Protocol):
    """Stores the products' metrics per business day."""

    def add(self, deltas: Sequence[MetricDelta]) -> None:
        """Add the deltas to their business days."""

    def product_id_after(self, days: Sequence[date], after: UUID, skip: int) -> UUID | None:
        """Return the product of the next row after `skip` more, in order of the products' ids."""


class SqlMetricsRepository:
    """Metrics in PostgreSQL."""

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
        rows = self._uow.read(id_after(days, after, skip))
        return next((row.product_id for row in rows), None)


def id_after(days: Sequence[date], after: UUID, skip: int) -> Query:
    """Select the id of the product `skip` rows behind the first with an id above `after`.

    `days` are those of a day, a week or a month.
    """
    number = next(each for each in NUMBERS_OF_DAYS if each >= len(days))
    given = {f"day_{n}": days[n] if n < len(days) else _NO_DAY for n in range(number)}
    query: Query = sql.PRODUCT_ID_AFTER[str(number)](after_id=after, skip=skip, **given)
    return query
