"""The metrics context's table: one row per product and business day with any activity."""

from sqlalchemy import BigInteger, Column, Date, PrimaryKeyConstraint, Table, Uuid, text

from commerce.runtime.db.core import metadata

_ZERO = text("0")

product_metrics_daily_table = Table(
    "product_metrics_daily",
    metadata,
    Column("day", Date, nullable=False),
    Column("product_id", Uuid, nullable=False),
    Column("views", BigInteger, nullable=False, server_default=_ZERO),
    # Below zero while an unlike or cancellation is counted before what it takes back has arrived.
    Column("likes", BigInteger, nullable=False, server_default=_ZERO),
    Column("orders", BigInteger, nullable=False, server_default=_ZERO),
    Column("units", BigInteger, nullable=False, server_default=_ZERO),
    Column("amount", BigInteger, nullable=False, server_default=_ZERO),
    PrimaryKeyConstraint("day", "product_id", name="metrics_once_per_day"),
)
