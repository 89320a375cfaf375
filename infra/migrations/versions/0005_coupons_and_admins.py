"""Coupons, their use by orders, and what admins change."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "coupon",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.Column("max_discount", sa.BigInteger(), nullable=True),
        sa.Column("min_order_amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("total_quantity", sa.Integer(), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "kind = 'FIXED' AND value >= 1 OR kind = 'RATE' AND value BETWEEN 1 AND 100",
            name="coupon_takes_something_off",
        ),
        sa.CheckConstraint("valid_from < valid_until", name="coupon_valid_for_a_while"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "coupon_stripe",
        sa.Column("coupon_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("quantity_left", sa.Integer(), nullable=False),
        sa.CheckConstraint("quantity_left >= 0", name="coupon_not_overissued"),
        sa.ForeignKeyConstraint(["coupon_id"], ["coupon.id"], name="stripe_of_a_coupon"),
        sa.PrimaryKeyConstraint("coupon_id", "number", name="coupon_stripe_pkey"),
        postgresql_with={"fillfactor": "50"},
    )
    op.create_table(
        "issued_coupon",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("coupon_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_by_order", sa.Uuid(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["coupon_id"], ["coupon.id"], name="copy_of_a_coupon"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("coupon_id", "user_id", name="coupon_issued_once_per_user"),
        sa.UniqueConstraint("used_by_order", name="order_uses_one_coupon"),
    )
    op.create_index(
        "issued_coupon_newest",
        "issued_coupon",
        ["user_id", sa.literal_column("id DESC")],
        unique=False,
    )
    op.add_column("orders", sa.Column("issued_coupon_id", sa.Uuid(), nullable=True))
    op.create_check_constraint(
        "discount_has_its_coupon",
        "orders",
        "(discount_amount > 0) = (issued_coupon_id IS NOT NULL)",
    )
    op.add_column(
        "order_line",
        sa.Column("discount_amount", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
    )
    op.create_check_constraint(
        "line_discount_within_its_amount",
        "order_line",
        "discount_amount BETWEEN 0 AND unit_price_amount * quantity",
    )
    op.add_column(
        "stock",
        sa.Column("counted", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
    )
    op.create_table(
        "admin_audit",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("before", postgresql.JSONB(), nullable=False),
        sa.Column("after", postgresql.JSONB(), nullable=False),
        sa.Column("trace_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("admin_audit_of_subject", "admin_audit", ["subject_id", "id"], unique=False)


def downgrade() -> None:
    op.drop_table("admin_audit")
    op.drop_column("stock", "counted")
    op.drop_constraint("line_discount_within_its_amount", "order_line")
    op.drop_column("order_line", "discount_amount")
    op.drop_constraint("discount_has_its_coupon", "orders")
    op.drop_column("orders", "issued_coupon_id")
    op.drop_table("issued_coupon")
    op.drop_table("coupon_stripe")
    op.drop_table("coupon")
