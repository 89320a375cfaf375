"""Orders and movements of drops are found by index, and runs keep which products differed.

The scheduled reconciliation looks for them every five minutes while a drop changes. The code before
stores no products, which the column's default allows.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "reconciliation_run",
        sa.Column("unequal", JSONB(), nullable=False, server_default=sa.text("'[]'::jsonb")),
    )
    with op.get_context().autocommit_block():
        op.create_index(
            "order_of_drop_entry",
            "orders",
            ["drop_entry_id"],
            if_not_exists=True,
            postgresql_where=sa.text("drop_entry_id IS NOT NULL"),
            postgresql_concurrently=True,
        )
        op.create_index(
            "stock_movement_of_drop",
            "stock_movement",
            ["drop_id"],
            if_not_exists=True,
            postgresql_where=sa.text("drop_id IS NOT NULL"),
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    op.drop_index("stock_movement_of_drop", "stock_movement")
    op.drop_index("order_of_drop_entry", "orders")
    op.drop_column("reconciliation_run", "unequal")
