"""Points are charged by card: a payment is for an order or for a charge. The ledger has balances.

An entry's position and balance are the account's version and balance after it, so the ledger's
order is that in which the account changed. The code before writes neither; until it is replaced, a
trigger does, which a later release removes. Entries from before have none, and precede all others.

The code before does not know charges: it must not meet a payment for one. Deploy this release with
PointCharging CLOSED, or FREE, and allow CARD in the next deployment.
"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_AT = sa.DateTime(timezone=True)
_ENTERED = """
    CREATE FUNCTION enter_for_the_code_before() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        SELECT version, balance INTO NEW.position, NEW.balance_after
        FROM point_account WHERE user_id = NEW.user_id;
        RETURN NEW;
    END $$
"""


def upgrade() -> None:
    op.create_table(
        "point_charge",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("requested_at", _AT, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="point_charge_pkey"),
        sa.CheckConstraint(
            "status IN ('PENDING', 'CREDITED', 'FAILED')", name="charge_status_known"
        ),
        sa.CheckConstraint("amount > 0", name="charge_amount_positive"),
    )
    op.create_index("point_charge_of_user", "point_charge", ["user_id", "requested_at"])
    op.add_column("point_ledger", sa.Column("charge_id", sa.Uuid()))
    op.add_column("point_ledger", sa.Column("position", sa.BigInteger()))
    op.add_column("point_ledger", sa.Column("balance_after", sa.BigInteger()))
    op.execute(_ENTERED)
    op.execute(
        """
        CREATE TRIGGER entered_by_the_code_before BEFORE INSERT ON point_ledger FOR EACH ROW
        WHEN (NEW.position IS NULL) EXECUTE FUNCTION enter_for_the_code_before()
        """
    )
    op.add_column("payment", sa.Column("charge_id", sa.Uuid()))
    op.alter_column("payment", "order_id", nullable=True)
    op.alter_column("payment", "card_last4", nullable=True)
    op.create_check_constraint(
        "payment_is_for_one_thing",
        "payment",
        "(order_id IS NULL) <> (charge_id IS NULL)",
        postgresql_not_valid=True,
    )
    op.create_foreign_key(
        "payment_of_a_charge",
        "payment",
        "point_charge",
        ["charge_id"],
        ["id"],
        postgresql_not_valid=True,
    )


def downgrade() -> None:
    op.execute("DELETE FROM payment WHERE charge_id IS NOT NULL")
    op.execute("UPDATE payment SET card_last4 = '0000' WHERE card_last4 IS NULL")
    op.drop_constraint("payment_is_for_one_thing", "payment")
    op.drop_constraint("payment_of_a_charge", "payment")
    op.drop_column("payment", "charge_id")
    op.alter_column("payment", "order_id", nullable=False)
    op.alter_column("payment", "card_last4", nullable=False)
    op.execute("DROP TRIGGER entered_by_the_code_before ON point_ledger")
    op.execute("DROP FUNCTION enter_for_the_code_before")
    for name in ("charge_id", "position", "balance_after"):
        op.drop_column("point_ledger", name)
    op.drop_table("point_charge")
