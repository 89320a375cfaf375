"""Operators see which orders are on their way, and which for too long."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "order_on_its_way",
        "orders",
        ["status", "id"],
        unique=False,
        postgresql_where=sa.text("status IN ('CONFIRMED', 'SHIPPED')"),
    )


def downgrade() -> None:
    op.drop_index("order_on_its_way", table_name="orders")
