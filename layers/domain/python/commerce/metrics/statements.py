"""Statements on daily metrics."""

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Date,
    DateTime,
    Text,
    Uuid,
    bindparam,
    cast,
    column,
    func,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import insert

from commerce.metrics.model import COUNTED, NUMBERS_OF_DAYS
from commerce.metrics.tables import product_metrics_daily_table
from commerce.runtime.db.core import records
from commerce.runtime.db.statement import Statement

_m = product_metrics_daily_table.c
_DELTAS = records(
    "deltas",
    _m.product_id,
    column("at", DateTime(timezone=True)),
    *(column(name, BigInteger) for name in COUNTED),
)
# Computed by PostgreSQL: a function's runtime may have no time zone data.
_DAY = cast(func.timezone(bindparam("time_zone", type_=Text), _DELTAS.c.at), Date).label("day")
_SUMS = (
    select(
        _DAY,
        _DELTAS.c.product_id,
        *(cast(func.sum(_DELTAS.c[name]), BigInteger).label(name) for name in COUNTED),
    )
    .group_by(_DAY, _DELTAS.c.product_id)
    # All batches lock rows in the same order, so two of them cannot deadlock.
    .order_by(_DAY, _DELTAS.c.product_id)
)
_INSERT = insert(product_metrics_daily_table).from_select(["day", "product_id", *COUNTED], _SUMS)
ADD = Statement(
    _INSERT.on_conflict_do_update(
        index_elements=["day", "product_id"],
        set_={name: _m[name] + _INSERT.excluded[name] for name in COUNTED},
    )
)


_SKIP: BindParameter[int] = bindparam("skip", type_=BigInteger)


def _product_id_after(days: int) -> Statement:
    parts = [
        select(_m.product_id)
        .where(
            _m.day == bindparam(f"day_{n}", type_=Date),
            _m.product_id > bindparam("after_id", type_=Uuid),
        )
        # Ordered and limited part by part: else PostgreSQL sorts the union instead of merging it.
        .order_by(_m.product_id)
        .limit(_SKIP + 1)
        for n in range(days)
    ]
    merged = union_all(*parts).subquery()
    return Statement(
        select(merged.c.product_id).order_by(merged.c.product_id).offset(_SKIP).limit(1)
    )


# The product id of the next row after `skip` more, in order of the products' ids, by the number of
# days. The days' parts of the index are merged as they are read, so no more than `skip` + 1 rows
# are.
PRODUCT_ID_AFTER = {str(days): _product_id_after(days) for days in NUMBERS_OF_DAYS}
