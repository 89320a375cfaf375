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
    func,
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
    Column("charge_id", Uuid),
    # The account's version and balance after it; NULL in entries from before there were these.
    Column("position", BigInteger),
    Column("balance_after", BigInteger),
    Column("at", DateTime(timezone=True), nullable=False),
)
point_charge_table = Table(
    "point_charge",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("user_id", Uuid, nullable=False),
    Column("status", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("requested_at", DateTime(timezone=True), nullable=False),
    Column("version", BigInteger, nullable=False),
    CheckConstraint("status IN ('PENDING', 'CREDITED', 'FAILED')", name="charge_status_known"),
    CheckConstraint("amount > 0", name="charge_amount_positive"),
)
Index("point_charge_of_user", point_charge_table.c.user_id, point_charge_table.c.requested_at)
Index("point_ledger_newest", point_ledger_table.c.user_id, point_ledger_table.c.id.desc())
Index(
    "point_ledger_in_order",
    point_ledger_table.c.user_id,
    func.coalesce(point_ledger_table.c.position, literal_column("0")).desc(),
    point_ledger_table.c.id.desc(),
)
Index(
    "points_credited_once_per_charge",
    point_ledger_table.c.charge_id,
    unique=True,
    postgresql_where=point_ledger_table.c.charge_id.is_not(None),
)
# An order spends points once. It may get them back in parts, each of which has its refund's id:
# for them the index has NULL, which equals nothing.
Index(
    "points_spent_once_per_order",
    point_ledger_table.c.order_id,
    literal_column("NULLIF(amount > 0, true)"),
    unique=True,
    postgresql_where=point_ledger_table.c.order_id.is_not(None),
)
