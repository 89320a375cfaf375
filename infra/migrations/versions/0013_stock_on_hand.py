"""Stock has what is on hand beside what is available; movements say who, why, and how much of each.

The code before knows nothing of `on_hand`, and sells until it is replaced. Selling and cancelling
do not change `on_hand`; what else that code does, triggers add to it, so that it cannot make the
number false. `opening.py` then adds, once per product, what was on hand before this migration. A
later release removes the triggers and `is_opened`.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

# The order's change is still this transaction's own at its commit; code that records its shipment
# itself has done so by then.
_SHIPPED = """
    CREATE FUNCTION ship_for_the_code_before() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE line record;
    BEGIN
        FOR line IN
            SELECT product_id, quantity FROM order_line
            WHERE order_id = NEW.id AND NOT EXISTS (
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
# A count of the code before is what is available, and what is on hand changes with it. When it
# cancels a shipped order it takes the goods for received.
_MOVED = """
    CREATE FUNCTION move_for_the_code_before() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.reason = 'COUNTED' OR EXISTS (
            SELECT FROM order_history WHERE order_id = NEW.order_id AND status = 'SHIPPED'
        ) THEN
            NEW.on_hand_change = NEW.change;
            UPDATE stock SET on_hand = on_hand + NEW.change WHERE product_id = NEW.product_id;
        END IF;
        RETURN NEW;
    END $$
"""


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.create_index(
            "stock_movement_newest_of_product",
            "stock_movement",
            ["product_id", "id"],
            if_not_exists=True,
            postgresql_concurrently=True,
        )
        op.create_index(
            "stock_moved_once_per_reason",
            "stock_movement",
            ["order_id", "product_id", "reason"],
            unique=True,
            postgresql_where=sa.text("order_id IS NOT NULL"),
            if_not_exists=True,
            postgresql_concurrently=True,
        )
    # Locks are taken in the order in which transactions write: orders, stock, movements.
    op.execute(_SHIPPED)
    op.execute(
        """
        CREATE CONSTRAINT TRIGGER shipped_by_the_code_before
        AFTER UPDATE OF status ON orders DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
        WHEN (OLD.status = 'CONFIRMED' AND NEW.status = 'SHIPPED')
        EXECUTE FUNCTION ship_for_the_code_before()
        """
    )
    for name in ("on_hand", "allotted"):
        op.add_column("stock", _number(name))
    # Products that are there are yet to be opened; those to come start with nothing.
    is_opened = sa.Column("is_opened", sa.Boolean(), server_default=sa.false(), nullable=False)
    op.add_column("stock", is_opened)
    op.alter_column("stock", "is_opened", server_default=sa.true())
    op.create_check_constraint(
        "allotted_not_negative", "stock", "allotted >= 0", postgresql_not_valid=True
    )
    op.add_column("stock_movement", _number("on_hand_change"))
    op.add_column("stock_movement", sa.Column("drop_id", sa.Uuid()))
    op.add_column("stock_movement", sa.Column("by", sa.Text()))
    op.add_column("stock_movement", sa.Column("note", sa.Text()))
    op.execute(_MOVED)
    op.execute(
        """
        CREATE TRIGGER moved_by_the_code_before BEFORE INSERT ON stock_movement FOR EACH ROW
        WHEN (NEW.on_hand_change = 0 AND NEW.change <> 0 AND NEW.reason IN ('COUNTED', 'RETURNED'))
        EXECUTE FUNCTION move_for_the_code_before()
        """
    )
    op.drop_index("stock_moved_once_per_order", table_name="stock_movement")
    op.drop_index("stock_movement_of_product", table_name="stock_movement")


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), server_default=sa.text("0"), nullable=False)


def downgrade() -> None:
    op.execute("DELETE FROM stock_movement WHERE change = 0")
    op.execute(
        """
        UPDATE stock SET quantity = quantity + allotted WHERE allotted > 0;
        INSERT INTO stock_movement (product_id, change, reason, at)
        SELECT product_id, allotted, 'DROP_RETURNED', now() FROM stock WHERE allotted > 0
        """
    )
    op.create_index("stock_movement_of_product", "stock_movement", ["product_id"])
    op.create_index(
        "stock_moved_once_per_order",
        "stock_movement",
        ["order_id", "product_id", sa.literal_column("(change > 0)")],
        unique=True,
        postgresql_where=sa.text("order_id IS NOT NULL"),
    )
    op.drop_index("stock_moved_once_per_reason", table_name="stock_movement")
    op.drop_index("stock_movement_newest_of_product", table_name="stock_movement")
    op.execute("DROP TRIGGER moved_by_the_code_before ON stock_movement")
    op.execute("DROP FUNCTION move_for_the_code_before")
    op.execute("DROP TRIGGER shipped_by_the_code_before ON orders")
    op.execute("DROP FUNCTION ship_for_the_code_before")
    for name in ("note", "by", "drop_id", "on_hand_change"):
        op.drop_column("stock_movement", name)
    for name in ("is_opened", "allotted", "on_hand"):
        op.drop_column("stock", name)
