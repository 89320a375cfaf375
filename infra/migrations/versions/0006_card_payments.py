"""Card payments, and orders that wait for them."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "order_unpaid",
        "orders",
        ["expires_at", "id"],
        unique=False,
        postgresql_where=sa.text("status = 'PENDING'"),
    )
    op.create_table(
        "payment",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("buyer_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("card_type", sa.Text(), nullable=False),
        sa.Column("card_last4", sa.Text(), nullable=False),
        sa.Column("transaction_key", sa.Text(), nullable=True),
        sa.Column("is_extra", sa.Boolean(), nullable=False),
        sa.Column("failure_reason", sa.Text(), nullable=True),
        sa.Column("refund_reason", sa.Text(), nullable=True),
        *(
            sa.Column(name, sa.DateTime(timezone=True), nullable=False)
            for name in ("requested_at", "changed_at", "asked_at")
        ),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name="payment_of_an_order"),
        sa.UniqueConstraint("transaction_key", name="transaction_once"),
        sa.CheckConstraint(
            "status IN"
            " ('REQUESTED', 'PENDING', 'SUCCEEDED', 'FAILED', 'REFUND_PENDING', 'REFUNDED')",
            name="payment_status_known",
        ),
        sa.CheckConstraint("amount > 0", name="payment_amount_positive"),
        sa.CheckConstraint("card_last4 ~ '^[0-9]{4}$'", name="card_last4_only"),
        sa.CheckConstraint(
            "transaction_key IS NOT NULL OR status IN ('REQUESTED', 'FAILED')",
            name="charged_by_a_transaction",
        ),
    )
    op.create_index("payment_of_order", "payment", ["order_id"], unique=False)
    op.create_index(
        "one_live_payment_per_order",
        "payment",
        ["order_id"],
        unique=True,
        postgresql_where=sa.text(
            "status IN ('REQUESTED', 'PENDING', 'SUCCEEDED') AND NOT is_extra"
        ),
    )
    op.create_index(
        "payment_unfinished",
        "payment",
        ["asked_at", "id"],
        unique=False,
        postgresql_where=sa.text("status IN ('REQUESTED', 'PENDING', 'REFUND_PENDING')"),
    )


def downgrade() -> None:
    op.drop_table("payment")
    op.drop_index("order_unpaid", table_name="orders")
