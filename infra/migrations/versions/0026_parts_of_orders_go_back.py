"""Parts of an order are cancelled and refunded: units by line, money by means.

The code before refunds an order's payment as a whole and writes no row of it; the code after takes
such a refund over. A check keeps the code before from cancelling, as a whole, an order of which a
part is cancelled. What is unique for an order is what it takes: what comes back may come in parts.
The indexes are built outside a transaction, so each step can be made again.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

_ZERO: dict[str, Any] = {"nullable": False, "server_default": "0"}
_COLUMNS = {
    "orders": {"card_refunded_amount": sa.BigInteger, "points_refunded_amount": sa.BigInteger},
    "order_line": {"cancelled_quantity": sa.Integer, "returned_quantity": sa.Integer},
    "payment": {"refund_requested_amount": sa.BigInteger, "refunded_amount": sa.BigInteger},
}
_CHECKS = {
    ("orders", "order_never_overrefunded"): (
        "card_refunded_amount >= 0 AND points_refunded_amount BETWEEN 0 AND points_used_amount"
        " AND card_refunded_amount <= total_amount - discount_amount - points_used_amount"
    ),
    ("orders", "cancelled_order_is_refunded"): (
        "status <> 'CANCELLED' OR card_refunded_amount + points_refunded_amount = 0"
        " OR points_refunded_amount = points_used_amount AND card_refunded_amount"
        " IN (0, total_amount - discount_amount - points_used_amount)"
    ),
    ("order_line", "no_more_goes_back_than_was_bought"): (
        "cancelled_quantity >= 0 AND returned_quantity >= 0"
        " AND cancelled_quantity + returned_quantity <= quantity"
    ),
    ("payment", "payment_never_overrefunded"): (
        "refunded_amount BETWEEN 0 AND refund_requested_amount"
        " AND refund_requested_amount <= amount"
    ),
}
# What migration 0013 made for the code before it ships what is left, now that less may be left.
_SHIP = """
    CREATE OR REPLACE FUNCTION ship_for_the_code_before() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE line record;
    BEGIN
        FOR line IN
            SELECT product_id, {units} AS quantity FROM order_line
            WHERE order_id = NEW.id AND {units} > 0 AND NOT EXISTS (
                SELECT FROM stock_movement AS done WHERE done.order_id = NEW.id
                    AND done.product_id = order_line.product_id AND done.reason = 'SHIPPED')
            ORDER BY product_id
        LOOP
            UPDATE stock SET on_hand = on_hand - line.quantity, version = version + 1
                WHERE product_id = line.product_id;
            INSERT INTO stock_movement
                (product_id, change, on_hand_change, reason, order_id, "by", at)
            SELECT line.product_id, 0, -line.quantity, 'SHIPPED', NEW.id, "by", at
            FROM order_history WHERE order_id = NEW.id AND status = 'SHIPPED';
        END LOOP;
        RETURN NULL;
    END $$
"""
# Code that knows no parts cannot ship units that were cancelled.
_SHIPS_WHAT_IS_LEFT = """
    CREATE FUNCTION require_that_units_are_left() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM require(quantity - cancelled_quantity = -NEW.on_hand_change, 'ships_what_is_left')
        FROM order_line WHERE order_id = NEW.order_id AND product_id = NEW.product_id;
        RETURN NEW;
    END $$
"""
_IS_OF_AN_ORDER = sa.text("order_id IS NOT NULL")
_INDEXES: dict[str, tuple[str, list[Any], dict[str, Any]]] = {
    "stock_taken_once_per_reason": (
        "stock_movement",
        ["order_id", "product_id", sa.text("NULLIF(reason, 'RETURNED')")],
        {"unique": True, "postgresql_where": _IS_OF_AN_ORDER},
    ),
    "points_spent_once_per_order": (
        "point_ledger",
        ["order_id", sa.text("NULLIF(amount > 0, true)")],
        {"unique": True, "postgresql_where": _IS_OF_AN_ORDER},
    ),
    "payment_to_ask": (
        "payment",
        ["asked_at", "id"],
        {
            "postgresql_where": sa.text(
                "status IN ('REQUESTED', 'PENDING', 'REFUND_PENDING')"
                " OR status = 'SUCCEEDED' AND refunded_amount < refund_requested_amount"
            )
        },
    ),
}
_INDEXES_BEFORE: dict[str, tuple[str, list[Any], dict[str, Any]]] = {
    "stock_moved_once_per_reason": (
        "stock_movement",
        ["order_id", "product_id", "reason"],
        {"unique": True, "postgresql_where": _IS_OF_AN_ORDER},
    ),
    "points_moved_once_per_order": (
        "point_ledger",
        ["order_id", sa.text("(amount > 0)")],
        {"unique": True, "postgresql_where": _IS_OF_AN_ORDER},
    ),
    "payment_unfinished": (
        "payment",
        ["asked_at", "id"],
        {"postgresql_where": sa.text("status IN ('REQUESTED', 'PENDING', 'REFUND_PENDING')")},
    ),
}


def upgrade() -> None:
    for table, columns in _COLUMNS.items():
        for name, type_ in columns.items():
            op.add_column(table, sa.Column(name, type_(), **_ZERO), if_not_exists=True)
    with op.get_context().autocommit_block():
        for name, (table, key, options) in _INDEXES.items():
            op.create_index(
                name, table, key, if_not_exists=True, postgresql_concurrently=True, **options
            )
    for name, (table, _, _) in _INDEXES_BEFORE.items():
        op.drop_index(name, table_name=table, if_exists=True)
    for (table, name), rule in _CHECKS.items():
        op.create_check_constraint(name, table, rule, postgresql_not_valid=True)
    op.execute(_SHIP.format(units="quantity - cancelled_quantity"))
    op.execute(_SHIPS_WHAT_IS_LEFT)
    op.execute(
        """
        CREATE TRIGGER ships_what_is_left BEFORE INSERT ON stock_movement FOR EACH ROW
        WHEN (NEW.reason = 'SHIPPED') EXECUTE FUNCTION require_that_units_are_left()
        """
    )
    op.create_table(
        "order_refund",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("card_amount", sa.BigInteger(), nullable=False),
        sa.Column("points_amount", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name="refund_of_an_order"),
        sa.CheckConstraint(
            "card_amount >= 0 AND points_amount >= 0 AND card_amount + points_amount > 0",
            name="refund_amounts_positive",
        ),
    )
    op.create_index("refund_of_order", "order_refund", ["order_id", "id"])
    op.create_table(
        "payment_refund",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("payment_id", sa.Uuid(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("refunded_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(["payment_id"], ["payment.id"], name="refund_of_a_payment"),
        sa.CheckConstraint("amount > 0", name="refund_amount_positive"),
    )
    op.create_index("refund_of_payment", "payment_refund", ["payment_id", "id"])


def downgrade() -> None:
    op.execute("DROP TRIGGER ships_what_is_left ON stock_movement")
    op.execute("DROP FUNCTION require_that_units_are_left")
    op.execute(_SHIP.format(units="quantity"))
    op.drop_table("payment_refund")
    op.drop_table("order_refund")
    for table, name in _CHECKS:
        op.drop_constraint(name, table)
    for name, (table, key, options) in _INDEXES_BEFORE.items():
        op.create_index(name, table, key, **options)
    for name, (table, _, _) in _INDEXES.items():
        op.drop_index(name, table_name=table)
    for table, columns in _COLUMNS.items():
        for name in columns:
            op.drop_column(table, name)
