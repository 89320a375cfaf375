"""Drops: units that are sold in a drawn order, the entries in it, and its public log."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_AT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "product_drop",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("entries_at", _AT, nullable=False),
        sa.Column("draws_at", _AT, nullable=False),
        sa.Column("offers_until", _AT, nullable=False),
        sa.Column("claim_minutes", sa.Integer(), nullable=False),
        sa.Column("accounts_before", _AT),
        sa.Column("verified_only", sa.Boolean(), nullable=False),
        sa.Column("coupons_allowed", sa.Boolean(), nullable=False),
        sa.Column("terms", sa.Text()),
        sa.Column("terms_hash", sa.Text()),
        sa.Column("beacon_chain", sa.Text()),
        sa.Column("beacon_round", sa.BigInteger()),
        sa.Column("sealed_at", _AT),
        sa.Column("entries_count", sa.BigInteger()),
        sa.Column("entries_root", sa.Text()),
        sa.Column("signature", sa.Text()),
        sa.Column("drawn_at", _AT),
        sa.Column("ended_at", _AT),
        sa.Column("log_number", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("log_head", sa.Text()),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "state IN ('DRAFT', 'PUBLISHED', 'SEALED', 'OFFERING', 'CLOSED', 'CANCELLED')",
            name="drop_state_known",
        ),
        sa.CheckConstraint("mode IN ('SHUFFLE', 'LOTTERY')", name="drop_mode_known"),
        sa.CheckConstraint(
            "entries_at < draws_at AND draws_at < offers_until", name="drop_moments_in_order"
        ),
        sa.PrimaryKeyConstraint("id", name="product_drop_pkey"),
    )
    op.create_index(
        "drop_under_way",
        "product_drop",
        ["id"],
        postgresql_where=sa.text("state IN ('PUBLISHED', 'SEALED', 'OFFERING')"),
    )
    op.create_table(
        "drop_lot",
        sa.Column("drop_id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("returned", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("numbered", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("served", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint(
            "units >= 1 AND returned BETWEEN 0 AND units", name="lot_units_in_bounds"
        ),
        sa.CheckConstraint("served <= numbered", name="lot_served_in_bounds"),
        sa.ForeignKeyConstraint(["drop_id"], ["product_drop.id"], name="lot_of_a_drop"),
        sa.PrimaryKeyConstraint("drop_id", "product_id", name="product_once_per_drop"),
    )
    op.create_index("drops_of_product", "drop_lot", ["product_id"])
    op.create_table(
        "drop_entry",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("drop_id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid()),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("joined_at", _AT, nullable=False),
        sa.Column("in_pool", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("position", sa.BigInteger()),
        sa.Column("claim_until", _AT),
        sa.Column("order_id", sa.Uuid()),
        sa.Column("left_at", _AT),
        sa.Column(
            "is_leaving_logged", sa.Boolean(), server_default=sa.text("false"), nullable=False
        ),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "status IN ('JOINED', 'WAITING', 'OFFERED', 'ORDERED', 'BOUGHT', 'CANCELLED',"
            " 'LAPSED', 'WITHDRAWN', 'DISQUALIFIED', 'VOID')",
            name="entry_status_known",
        ),
        sa.CheckConstraint(
            "status NOT IN ('WAITING', 'OFFERED', 'ORDERED', 'BOUGHT') OR position IS NOT NULL",
            name="entry_is_served_by_position",
        ),
        sa.CheckConstraint(
            "status NOT IN ('OFFERED', 'ORDERED') OR claim_until IS NOT NULL",
            name="offer_has_an_end",
        ),
        sa.PrimaryKeyConstraint("id", name="drop_entry_pkey"),
        sa.UniqueConstraint("drop_id", "person", name="person_enters_once"),
        sa.UniqueConstraint("order_id", name="order_uses_one_offer"),
        sa.UniqueConstraint("drop_id", "product_id", "position", name="position_given_once"),
    )
    op.create_index("entries_of_user", "drop_entry", ["user_id", "drop_id"])
    for name, columns, where in (
        ("entries_without_position", ["drop_id"], "position IS NULL"),
        ("entries_waiting", ["drop_id", "product_id", "position"], "status = 'WAITING'"),
        (
            "entries_gone",
            ["drop_id", "product_id", "position"],
            "status IN ('WITHDRAWN', 'VOID') AND position IS NOT NULL",
        ),
        (
            "entries_holding",
            ["drop_id", "product_id"],
            "status IN ('OFFERED', 'ORDERED', 'BOUGHT')",
        ),
        ("entries_left", ["drop_id"], "left_at IS NOT NULL AND NOT is_leaving_logged"),
    ):
        op.create_index(name, "drop_entry", columns, postgresql_where=sa.text(where))
    op.create_table(
        "drop_log",
        sa.Column("drop_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("at", _AT, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["drop_id"], ["product_drop.id"], name="log_of_a_drop"),
        sa.PrimaryKeyConstraint("drop_id", "number", name="drop_log_pkey"),
    )

    op.add_column("orders", sa.Column("drop_entry_id", sa.Uuid()))


def downgrade() -> None:
    op.drop_column("orders", "drop_entry_id")
    for table in ("drop_log", "drop_entry", "drop_lot", "product_drop"):
        op.drop_table(table)
