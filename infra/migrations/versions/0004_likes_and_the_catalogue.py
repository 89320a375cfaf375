"""Likes, their counts, and what happened to each product on each day."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "product_like",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"], name="like_of_a_product"),
        sa.PrimaryKeyConstraint("user_id", "product_id", name="liked_once"),
    )
    op.create_index(
        "like_newest", "product_like", ["user_id", sa.literal_column("id DESC")], unique=False
    )
    op.add_column(
        "product",
        sa.Column("unlikes_ahead", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
    )
    op.create_check_constraint(
        "unlikes_ahead_of_none",
        "product",
        "unlikes_ahead >= 0 AND (unlikes_ahead = 0 OR like_count = 0)",
    )
    # A brand's indexes run one way in all their columns: a position in them is one comparison.
    _brands_indexes("brand_id DESC")
    op.create_table(
        "product_metrics_daily",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        *(
            sa.Column(name, sa.BigInteger(), server_default=sa.text("0"), nullable=False)
            for name in ("views", "likes", "orders", "units", "amount")
        ),
        sa.PrimaryKeyConstraint("day", "product_id", name="metrics_once_per_day"),
    )


def _brands_indexes(brand_id: str) -> None:
    for name, *rest in (
        ("product_of_brand_latest", "id DESC"),
        ("product_of_brand_by_likes", "like_count DESC", "id DESC"),
    ):
        op.drop_index(name, table_name="product")
        columns = [sa.literal_column(each) for each in (brand_id, *rest)]
        op.create_index(name, "product", columns, unique=False)


def downgrade() -> None:
    op.drop_table("product_metrics_daily")
    _brands_indexes("brand_id")
    op.drop_constraint("unlikes_ahead_of_none", "product")
    op.drop_column("product", "unlikes_ahead")
    op.drop_index("like_newest", table_name="product_like")
    op.drop_table("product_like")
