"""Stripes: the stock of a hot product in several rows; and units that 32 bits do not hold."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A billion may be counted, sold, and come back any number of times.
    op.alter_column("stock", "quantity", type_=sa.BigInteger())
    op.alter_column("stock_movement", "change", type_=sa.BigInteger())
    op.add_column(
        "stock",
        sa.Column("stripes_fixed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )
    op.create_table(
        "stock_stripe",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("quantity >= 0", name="stripe_not_negative"),
        sa.ForeignKeyConstraint(["product_id"], ["stock.product_id"], name="stripe_of_a_stock"),
        sa.PrimaryKeyConstraint("product_id", "number", name="stock_stripe_pkey"),
        postgresql_with={"fillfactor": "10"},
    )


def downgrade() -> None:
    op.execute(
        """
        UPDATE stock SET quantity = stock.quantity + dealt.units
        FROM (SELECT product_id, sum(quantity) AS units FROM stock_stripe GROUP BY 1) AS dealt
        WHERE stock.product_id = dealt.product_id
        """
    )
    op.drop_table("stock_stripe")
    op.drop_column("stock", "stripes_fixed")
    op.alter_column("stock_movement", "change", type_=sa.Integer())
    op.alter_column("stock", "quantity", type_=sa.Integer())
