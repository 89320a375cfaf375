"""The coupons that can be issued are found without reading those that have ended."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.create_index(
            "coupon_by_end",
            "coupon",
            ["valid_until"],
            if_not_exists=True,
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    op.drop_index("coupon_by_end", table_name="coupon")
