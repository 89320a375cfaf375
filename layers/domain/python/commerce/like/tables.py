"""Table of the like context. Its key is final: one like per user and product."""

from sqlalchemy import Column, DateTime, ForeignKey, Index, PrimaryKeyConstraint, Table, Uuid

from commerce.runtime.db.core import metadata

product_like_table = Table(
    "product_like",
    metadata,
    Column("user_id", Uuid, nullable=False),
    Column("product_id", Uuid, ForeignKey("product.id", name="like_of_a_product"), nullable=False),
    Column("id", Uuid, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("user_id", "product_id", name="liked_once"),
)
Index("like_newest", product_like_table.c.user_id, product_like_table.c.id.desc())
