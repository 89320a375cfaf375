"""The point context's tables. They guarantee that no balance is negative."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Table,
    Text,
    Uuid,
    literal_column,
)

from commerce.runtime.db.core import metadata

point_account_table = Table(
    "point_account",
    metadata,
    Column("user_id", Uuid, primary_key=True),
    Column("balance", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    CheckConstraint("balance >= 0", name="points_not_negative"),
)

point_ledger_table = Table(
    "point_ledger",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("user_id", Uuid, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("order_id", Uuid),
    Column("at", DateTime(timezone=True), nullable=False),
)
Index("point_ledger_newest", point_ledger_table.c.user_id, point_ledger_table.c.id.desc())
# An order spends points once, and returns them once.
Index(
    "points_moved_once_per_order",
    point_ledger_table.c.order_id,
    literal_column("(amount > 0)"),
    unique=True,
    postgresql_where=point_ledger_table.c.order_id.is_not(None),
)
