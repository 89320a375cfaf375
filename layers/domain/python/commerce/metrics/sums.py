"""Several days of products as one sum each, to be read inside another context's statement."""

from collections.abc import Sequence
from datetime import date
from functools import cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    BindParameter,
    Date,
    Select,
    Uuid,
    any_,
    bindparam,
    cast,
    func,
    select,
    union_all,
)

from commerce.metrics.tables import product_metrics_daily_table
from commerce.runtime.db.statement import Statement

_m = product_metrics_daily_table.c


def product_sums() -> Select[Any]:
    """What the products of a range did on the days: product_id, views, likes, amount, rows.

    Parameters: `days` (a list), `after_id` and `upto_id` (the range, without and with its end).
    A sum that 64 bits do not hold fails the statement: InvalidData.
    """
    return (
        select(
            _m.product_id,
            *(
                cast(func.sum(column), BigInteger).label(column.name)
                for column in (_m.views, _m.likes, _m.amount)
            ),
            func.count().label("rows"),
        )
        # Each day by itself: the key leads with the day, and a day's products stand together.
        .where(
            _m.day == any_(bindparam("days", type_=ARRAY(Date))),
            _m.product_id > bindparam("after_id", type_=Uuid),
            _m.product_id <= bindparam("upto_id", type_=Uuid),
        )
        .group_by(_m.product_id)
    )


@cache
def product_ids_after(days: int) -> Statement:
    """Where the row so many further stands, in the order of products: its product_id, or nothing.

    Parameters: `after_id`, `skip` (rows in between) and `day_0`, `day_1` …, one per day. The days'
    parts of the key are merged as they are read, so that no more rows are read than are skipped.
    """
    skip: BindParameter[int] = bindparam("skip", type_=BigInteger)
    parts = [
        select(_m.product_id)
        .where(
            _m.day == bindparam(f"day_{n}", type_=Date),
            _m.product_id > bindparam("after_id", type_=Uuid),
        )
        # Ordered by itself: of parts pulled together, PostgreSQL forgets that they are sorted.
        .order_by(_m.product_id)
        .limit(skip + 1)
        for n in range(days)
    ]
    merged = union_all(*parts).subquery()
    return Statement(
        select(merged.c.product_id).order_by(merged.c.product_id).offset(skip).limit(1)
    )


def by_number(days: Sequence[date]) -> dict[str, date]:
    """The days as that statement's parameters."""
    return {f"day_{n}": day for n, day in enumerate(days)}
