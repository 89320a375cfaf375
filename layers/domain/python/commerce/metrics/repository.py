"""Daily product metrics in PostgreSQL."""

from collections.abc import Sequence
from datetime import date
from functools import cache
from typing import Protocol
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Date,
    DateTime,
    Text,
    bindparam,
    cast,
    column,
    func,
    select,
)
from sqlalchemy.dialects.postgresql import insert

from commerce.metrics.model import Tally
from commerce.metrics.sums import by_number, product_ids_after
from commerce.metrics.tables import product_metrics_daily_table
from commerce.shared import business_time, clock
from commerce.shared.database import Statement, records
from commerce.shared.unit_of_work import UnitOfWork

_m = product_metrics_daily_table.c
_COUNTS = ("views", "likes", "orders", "units", "amount")
_TALLIES = records(
    "tallies",
    _m.product_id,
    column("at", DateTime(timezone=True)),
    *(column(name, BigInteger) for name in _COUNTS),
)
# PostgreSQL knows the time zones; a function's runtime may not.
_DAY = cast(func.timezone(bindparam("time_zone", type_=Text), _TALLIES.c.at), Date).label("day")
_SUMS = (
    select(
        _DAY,
        _TALLIES.c.product_id,
        *(cast(func.sum(_TALLIES.c[name]), BigInteger).label(name) for name in _COUNTS),
    )
    .group_by(_DAY, _TALLIES.c.product_id)
    # In one order for all: two batches must not wait for each other.
    .order_by(_DAY, _TALLIES.c.product_id)
)
_INSERT = insert(product_metrics_daily_table).from_select(["day", "product_id", *_COUNTS], _SUMS)
_ADD = Statement(
    _INSERT.on_conflict_do_update(
        index_elements=["day", "product_id"],
        set_={name: _m[name] + _INSERT.excluded[name] for name in _COUNTS},
    )
)


class MetricsRepository(Protocol):
    """Where the days are kept."""

    def add(self, tallies: Sequence[Tally]) -> None:
        """Add the tallies to their business days."""

    def product_id_after(self, days: Sequence[date], after: UUID, skip: int) -> UUID | None:
        """The product of the row that follows, in products' order, when so many are skipped."""


class SqlMetricsRepository:
    """The days of the database."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def add(self, tallies: Sequence[Tally]) -> None:
        rows = [
            {
                "product_id": str(tally.product_id),
                "at": clock.rfc3339(tally.at),
                **{name: getattr(tally, name) for name in _COUNTS},
            }
            for tally in tallies
        ]
        if rows:
            self._uow.write(_ADD(tallies=rows, time_zone=business_time.zone_name()))

    def product_id_after(self, days: Sequence[date], after: UUID, skip: int) -> UUID | None:
        query = _after(len(days))(after_id=after, skip=skip, **by_number(days))
        return next((row.product_id for row in self._uow.read(query)), None)


_after = cache(product_ids_after)
