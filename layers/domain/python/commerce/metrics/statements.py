"""What the database is asked and told about daily metrics, as SQLAlchemy Core."""

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

from commerce.metrics.model import COUNTED
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
# PostgreSQL knows the time zones; a function's runtime may not.
_DAY = cast(func.timezone(bindparam("time_zone", type_=Text), _DELTAS.c.at), Date).label("day")
_SUMS = (
    select(
        _DAY,
        _DELTAS.c.product_id,
        *(cast(func.sum(_DELTAS.c[name]), BigInteger).label(name) for name in COUNTED),
    )
    .group_by(_DAY, _DELTAS.c.product_id)
    # In one order for all: two batches must not wait for each other.
    .order_by(_DAY, _DELTAS.c.product_id)
)
_INSERT = insert(product_metrics_daily_table).from_select(["day", "product_id", *COUNTED], _SUMS)
ADD = Statement(
    _INSERT.on_conflict_do_update(
        index_elements=["day", "product_id"],
        set_={name: _m[name] + _INSERT.excluded[name] for name in COUNTED},
    )
)
