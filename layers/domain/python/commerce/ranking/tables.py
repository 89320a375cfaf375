"""The ranking context's table, and the columns that it reads of the metrics context's."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Float,
    Table,
    Text,
    Uuid,
    column,
    table,
)

from commerce.runtime.db.core import metadata

_NAMES = ("view", "like", "order")

# One row each time the weights were set.
ranking_weights_table = Table(
    "ranking_weights",
    metadata,
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    *(Column(f"{name}_weight", Float(53), nullable=False) for name in _NAMES),
    Column("set_by", Text, nullable=False),
    Column("set_at", DateTime(timezone=True), nullable=False),
    CheckConstraint(
        " AND ".join(f"{name}_weight >= 0 AND {name}_weight <= 1" for name in _NAMES),
        name="weights_from_0_to_1",
    ),
)

# Read in place: no context imports another, and a ranking may read a million rows. A contract test
# compares it with the table as the metrics context defines it.
product_metrics_daily = table(
    "product_metrics_daily",
    column("day", Date()),
    column("product_id", Uuid()),
    *(column(name, BigInteger()) for name in ("views", "likes", "amount")),
)
