"""Units of delivered orders are returned, each with the reason, and refunded once received.

A trigger of migration 0022 keeps a return from being stored for a user who was erased meanwhile.
The code before neither reads nor writes what this adds.
"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "order_return",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("buyer_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("rejection_reason", sa.Text()),
        sa.Column("refund_id", sa.Uuid()),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name="return_of_an_order"),
        sa.ForeignKeyConstraint(["refund_id"], ["order_refund.id"], name="refund_of_a_return"),
        sa.UniqueConstraint("refund_id", name="return_has_its_own_refund"),
        sa.CheckConstraint(
            "status IN ('REQUESTED', 'RECEIVED', 'WITHDRAWN', 'REJECTED')",
            name="return_status_known",
        ),
        sa.CheckConstraint(
            "(status = 'REQUESTED') = (ended_at IS NULL)"
            " AND (status = 'REJECTED') = (rejection_reason IS NOT NULL)"
            " AND (status = 'RECEIVED' OR refund_id IS NULL)",
            name="return_is_as_its_status_says",
        ),
    )
    op.create_index("return_of_order", "order_return", ["order_id", "id"])
    op.create_table(
        "order_return_line",
        sa.Column("return_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("product_name", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("received_quantity", sa.Integer(), nullable=False),
        sa.Column("restocked_quantity", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("return_id", "product_id", name="product_once_per_return"),
        sa.ForeignKeyConstraint(["return_id"], ["order_return.id"], name="line_of_a_return"),
        sa.CheckConstraint(
            "quantity >= 1 AND received_quantity BETWEEN 0 AND quantity"
            " AND restocked_quantity IN (0, received_quantity)",
            name="no_more_is_received_than_is_returned",
        ),
    )
    op.execute(
        "CREATE TRIGGER not_for_the_erased BEFORE INSERT ON order_return"
        " FOR EACH ROW EXECUTE FUNCTION refuse_erased_buyer_id()"
    )


def downgrade() -> None:
    op.drop_table("order_return_line")
    op.drop_table("order_return")
