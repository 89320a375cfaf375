"""The coupon context's tables. They guarantee one copy per user, and never one too many."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)

from commerce.runtime.db.core import metadata

coupon_table = Table(
    "coupon",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("value", BigInteger, nullable=False),
    Column("max_discount", BigInteger),
    Column("min_order_amount", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("total_quantity", Integer, nullable=False),
    Column("valid_from", DateTime(timezone=True), nullable=False),
    Column("valid_until", DateTime(timezone=True), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    CheckConstraint(
        "kind = 'FIXED' AND value >= 1 OR kind = 'RATE' AND value BETWEEN 1 AND 100",
        name="coupon_takes_something_off",
    ),
    CheckConstraint("valid_from < valid_until", name="coupon_valid_for_a_while"),
)

# Coupons that have ended are never read to list those that can be issued.
Index("coupon_by_end", coupon_table.c.valid_until)

# The copies left, in several rows, so that concurrent users do not queue for one of them.
coupon_stripe_table = Table(
    "coupon_stripe",
    metadata,
    Column("coupon_id", Uuid, ForeignKey("coupon.id", name="stripe_of_a_coupon"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("quantity_left", Integer, nullable=False),
    PrimaryKeyConstraint("coupon_id", "number", name="coupon_stripe_pkey"),
    CheckConstraint("quantity_left >= 0", name="coupon_not_overissued"),
    # Free space on the page lets updates, which touch no index, stay on it (HOT).
    postgresql_with={"fillfactor": "50"},
)

issued_coupon_table = Table(
    "issued_coupon",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("coupon_id", Uuid, ForeignKey("coupon.id", name="copy_of_a_coupon"), nullable=False),
    Column("user_id", Uuid, nullable=False),
    Column("issued_at", DateTime(timezone=True), nullable=False),
    Column("used_by_order", Uuid),
    Column("version", BigInteger, nullable=False),
    UniqueConstraint("coupon_id", "user_id", name="coupon_issued_once_per_user"),
    UniqueConstraint("used_by_order", name="order_uses_one_coupon"),
)
Index("issued_coupon_newest", issued_coupon_table.c.user_id, issued_coupon_table.c.id.desc())
