"""The payment context's table. It guarantees at most one live payment per order or charge."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from commerce.runtime.db.core import metadata

payment_table = Table(
    "payment",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("order_id", Uuid, ForeignKey("orders.id", name="payment_of_an_order")),
    Column("charge_id", Uuid, ForeignKey("point_charge.id", name="payment_of_a_charge")),
    Column("buyer_id", Uuid, nullable=False),
    Column("status", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("card_type", Text, nullable=False),
    Column("card_last4", Text),
    Column("transaction_key", Text),
    Column("is_extra", Boolean, nullable=False),
    Column("failure_reason", Text),
    Column("refund_reason", Text),
    Column("requested_at", DateTime(timezone=True), nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    Column("asked_at", DateTime(timezone=True), nullable=False),  # when the gateway was last asked
    # The sum of its refunds, and of those that the gateway has made. Former code refunds as a whole
    # and writes neither.
    Column("refund_requested_amount", BigInteger, nullable=False, server_default=text("0")),
    Column("refunded_amount", BigInteger, nullable=False, server_default=text("0")),
    Column("version", BigInteger, nullable=False),
    UniqueConstraint("transaction_key", name="transaction_once"),
    CheckConstraint(
        "status IN ('REQUESTED', 'PENDING', 'SUCCEEDED', 'FAILED', 'REFUND_PENDING', 'REFUNDED')",
        name="payment_status_known",
    ),
    CheckConstraint("(order_id IS NULL) <> (charge_id IS NULL)", name="payment_is_for_one_thing"),
    CheckConstraint("amount > 0", name="payment_amount_positive"),
    CheckConstraint(
        "refunded_amount BETWEEN 0 AND refund_requested_amount"
        " AND refund_requested_amount <= amount",
        name="payment_never_overrefunded",
    ),
    CheckConstraint("card_last4 ~ '^[0-9]{4}$'", name="card_last4_only"),
    CheckConstraint(
        "transaction_key IS NOT NULL OR status IN ('REQUESTED', 'FAILED')",
        name="charged_by_a_transaction",
    ),
)
Index("payment_of_order", payment_table.c.order_id)
Index(
    "payment_of_charge",
    payment_table.c.charge_id,
    postgresql_where=payment_table.c.charge_id.is_not(None),
)
Index("payment_of_buyer", payment_table.c.buyer_id, payment_table.c.requested_at)
Index(
    "one_live_payment_per_charge",
    payment_table.c.charge_id,
    unique=True,
    postgresql_where=text(
        "status IN ('REQUESTED', 'PENDING', 'SUCCEEDED') AND NOT is_extra AND charge_id IS NOT NULL"
    ),
)
Index(
    "one_live_payment_per_order",
    payment_table.c.order_id,
    unique=True,
    postgresql_where=text("status IN ('REQUESTED', 'PENDING', 'SUCCEEDED') AND NOT is_extra"),
)
UNFINISHED = (
    "status IN ('REQUESTED', 'PENDING', 'REFUND_PENDING')"
    " OR status = 'SUCCEEDED' AND refunded_amount < refund_requested_amount"
)
"""Payments of which the gateway has no last word yet; statements repeat the index's text."""
Index(
    "payment_to_ask",
    payment_table.c.asked_at,
    payment_table.c.id,
    postgresql_where=text(UNFINISHED),
)

payment_refund_table = Table(
    "payment_refund",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column(
        "payment_id", Uuid, ForeignKey("payment.id", name="refund_of_a_payment"), nullable=False
    ),
    Column("amount", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("requested_at", DateTime(timezone=True), nullable=False),
    Column("refunded_at", DateTime(timezone=True)),
    CheckConstraint("amount > 0", name="refund_amount_positive"),
)
Index("refund_of_payment", payment_refund_table.c.payment_id, payment_refund_table.c.id)
