"""Products have terms of sale, lists show what is visible, and unpaid orders are counted.

The new indexes of lists serve the code before too, which reads those that they replace. As the
indexes are built outside a transaction, each step can be made again.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_SHOWN = ["visible_from", "archived_at"]
_LISTS = {
    "product_listed_latest": ["id"],
    "product_listed_by_price": ["price_amount", "id"],
    "product_listed_by_likes": ["like_count", "id"],
    "product_of_brand_listed_latest": ["brand_id", "id"],
    "product_of_brand_listed_by_price": ["brand_id", "price_amount", "id"],
    "product_of_brand_listed_by_likes": ["brand_id", "like_count", "id"],
}
_LISTS_BEFORE = {
    "product_by_price": ["price_amount", "id"],
    "product_by_likes": [sa.text("like_count DESC"), sa.text("id DESC")],
    "product_of_brand_latest": [sa.text("brand_id DESC"), sa.text("id DESC")],
    "product_of_brand_by_price": ["brand_id", "price_amount", "id"],
    "product_of_brand_by_likes": [
        sa.text("brand_id DESC"),
        sa.text("like_count DESC"),
        sa.text("id DESC"),
    ],
}
_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    always = sa.text("'1970-01-01 00:00:00+00'::timestamptz")
    for column in (
        sa.Column("visible_from", _MOMENT, server_default=always),
        *(sa.Column(name, _MOMENT) for name in ("archived_at", "sale_from", "sale_until")),
        sa.Column("max_per_buyer", sa.BigInteger()),
        sa.Column("hold_minutes", sa.Integer()),
    ):
        op.add_column("product", column, if_not_exists=True)
    how: dict[str, Any] = {"if_not_exists": True, "postgresql_concurrently": True}
    with op.get_context().autocommit_block():
        for name, key in _LISTS.items():
            op.create_index(name, "product", [*key, *_SHOWN], **how)
        op.create_index("product_opening", "product", ["visible_from"], **how)
        is_pending = sa.text("status = 'PENDING'")
        op.create_index(
            "order_unpaid_of_buyer", "orders", ["buyer_id"], postgresql_where=is_pending, **how
        )
    for name in _LISTS_BEFORE:
        op.drop_index(name, table_name="product", if_exists=True)


def downgrade() -> None:
    op.drop_index("order_unpaid_of_buyer", table_name="orders")
    op.drop_index("product_opening", table_name="product")
    for name, key in _LISTS_BEFORE.items():
        op.create_index(name, "product", key)
    for name in _LISTS:
        op.drop_index(name, table_name="product")
    for name in ("visible_from", *_SHOWN[1:], "sale_from", "sale_until", "max_per_buyer"):
        op.drop_column("product", name)
    op.drop_column("product", "hold_minutes")
