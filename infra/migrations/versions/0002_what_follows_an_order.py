"""What follows an order: shipments that can be called off, effects that happen once."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "shipment",
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("called_off_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("order_id"),
    )
    op.create_index(
        "stock_moved_once_per_order",
        "stock_movement",
        ["order_id", "product_id", sa.literal_column("(change > 0)")],
        unique=True,
        postgresql_where=sa.text("order_id IS NOT NULL"),
    )
    op.create_index(
        "points_moved_once_per_order",
        "point_ledger",
        ["order_id", sa.literal_column("(amount > 0)")],
        unique=True,
        postgresql_where=sa.text("order_id IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index(
        "points_moved_once_per_order",
        table_name="point_ledger",
        postgresql_where=sa.text("order_id IS NOT NULL"),
    )
    op.drop_index(
        "stock_moved_once_per_order",
        table_name="stock_movement",
        postgresql_where=sa.text("order_id IS NOT NULL"),
    )
    op.drop_table("shipment")
