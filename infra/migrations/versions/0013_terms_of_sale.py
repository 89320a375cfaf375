"""Products have terms of sale, and a buyer's unpaid orders are counted.

On a table of many orders build the index by hand first, CONCURRENTLY.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("product", sa.Column("max_per_buyer", sa.BigInteger()))
    op.add_column("product", sa.Column("hold_minutes", sa.Integer()))
    op.create_index(
        "order_unpaid_of_buyer",
        "orders",
        ["buyer_id"],
        unique=False,
        postgresql_where=sa.text("status = 'PENDING'"),
        if_not_exists=True,
    )


def downgrade() -> None:
    op.drop_index("order_unpaid_of_buyer", table_name="orders")
    op.drop_column("product", "hold_minutes")
    op.drop_column("product", "max_per_buyer")
