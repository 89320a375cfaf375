"""The first order, end to end."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# A guard that raises: a write that touched too few rows fails as the rule it broke.
_REQUIRE = """
CREATE FUNCTION require(ok boolean, rule text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF NOT ok THEN
        RAISE EXCEPTION 'the rule % does not hold', rule
            USING ERRCODE = 'check_violation', CONSTRAINT = rule;
    END IF;
END $$
"""


def upgrade() -> None:
    op.execute(_REQUIRE)
    op.create_table(
        "brand",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "login_attempt",
        sa.Column("login_id", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("blocked_until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("login_id"),
    )
    op.create_table(
        "once",
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("scope", "key", name="done_once"),
    )
    op.create_table(
        "orders",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("buyer_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("payment_method", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("total_amount", sa.BigInteger(), nullable=False),
        sa.Column("discount_amount", sa.BigInteger(), nullable=False),
        sa.Column("points_used_amount", sa.BigInteger(), nullable=False),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "status IN ('PENDING', 'CONFIRMED', 'SHIPPED', 'DELIVERED', 'CANCELLED')",
            name="order_status_known",
        ),
        sa.CheckConstraint(
            "discount_amount >= 0 AND points_used_amount >= 0"
            " AND discount_amount + points_used_amount <= total_amount",
            name="order_never_overpaid",
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("order_of_buyer", "orders", ["buyer_id", "id"], unique=False)
    op.create_table(
        "outbox",
        sa.Column("position", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("aggregate_id", sa.Uuid(), nullable=False),
        sa.Column("aggregate_version", sa.BigInteger(), nullable=False),
        sa.Column("trace_id", sa.Text(), nullable=False),
        sa.Column("data", postgresql.JSONB(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("position"),
        sa.UniqueConstraint("id"),
    )
    op.create_index(
        "outbox_unpublished",
        "outbox",
        ["position"],
        unique=False,
        postgresql_where=sa.text("published_at IS NULL"),
    )
    op.create_table(
        "point_account",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("balance", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("balance >= 0", name="points_not_negative"),
        sa.PrimaryKeyConstraint("user_id"),
    )
    op.create_table(
        "point_ledger",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "point_ledger_newest",
        "point_ledger",
        ["user_id", sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_table(
        "shipment_notice",
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("order_id", "kind", name="notice_once_per_order"),
    )
    op.create_table(
        "stock_movement",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("change", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("stock_movement_of_product", "stock_movement", ["product_id"], unique=False)
    op.create_table(
        "user_account",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("login_id", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("birth_date", sa.Date(), nullable=False),
        sa.Column("gender", sa.Text(), nullable=False),
        sa.Column("scopes", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "login_id_taken", "user_account", [sa.literal_column("lower(login_id)")], unique=True
    )
    op.create_table(
        "order_history",
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name="history_of_an_order"),
        sa.PrimaryKeyConstraint("order_id", "position", name="order_history_pkey"),
    )
    op.create_table(
        "order_line",
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("product_name", sa.Text(), nullable=False),
        sa.Column("brand_id", sa.Uuid(), nullable=False),
        sa.Column("brand_name", sa.Text(), nullable=False),
        sa.Column("unit_price_amount", sa.BigInteger(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.CheckConstraint("quantity >= 1", name="line_quantity_positive"),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name="line_of_an_order"),
        sa.PrimaryKeyConstraint("order_id", "product_id", name="product_once_per_order"),
    )
    op.create_table(
        "product",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("brand_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("price_amount", sa.BigInteger(), nullable=False),
        sa.Column("price_currency", sa.Text(), nullable=False),
        sa.Column("like_count", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("like_count >= 0", name="like_count_not_negative"),
        sa.CheckConstraint("price_amount >= 0", name="price_not_negative"),
        sa.ForeignKeyConstraint(["brand_id"], ["brand.id"], name="product_has_a_brand"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "product_by_likes",
        "product",
        [sa.literal_column("like_count DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index("product_by_price", "product", ["price_amount", "id"], unique=False)
    op.create_index(
        "product_of_brand_by_likes",
        "product",
        ["brand_id", sa.literal_column("like_count DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index(
        "product_of_brand_by_price", "product", ["brand_id", "price_amount", "id"], unique=False
    )
    op.create_index(
        "product_of_brand_latest",
        "product",
        ["brand_id", sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_table(
        "stock",
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("quantity >= 0", name="stock_not_negative"),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"], name="stock_of_a_product"),
        sa.PrimaryKeyConstraint("product_id"),
        postgresql_with={"fillfactor": "50"},
    )


def downgrade() -> None:
    op.drop_table("stock")
    op.drop_index("product_of_brand_latest", table_name="product")
    op.drop_index("product_of_brand_by_price", table_name="product")
    op.drop_index("product_of_brand_by_likes", table_name="product")
    op.drop_index("product_by_price", table_name="product")
    op.drop_index("product_by_likes", table_name="product")
    op.drop_table("product")
    op.drop_table("order_line")
    op.drop_table("order_history")
    op.drop_index("login_id_taken", table_name="user_account")
    op.drop_table("user_account")
    op.drop_index("stock_movement_of_product", table_name="stock_movement")
    op.drop_table("stock_movement")
    op.drop_table("shipment_notice")
    op.drop_index("point_ledger_newest", table_name="point_ledger")
    op.drop_table("point_ledger")
    op.drop_table("point_account")
    op.drop_index(
        "outbox_unpublished", table_name="outbox", postgresql_where=sa.text("published_at IS NULL")
    )
    op.drop_table("outbox")
    op.drop_index("order_of_buyer", table_name="orders")
    op.drop_table("orders")
    op.drop_table("once")
    op.drop_table("login_attempt")
    op.drop_table("brand")
    op.execute("DROP FUNCTION require(boolean, text)")
