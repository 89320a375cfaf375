"""Users can be erased, and nothing new is stored for one who was.

What a request of an erased user's had begun is stopped by triggers: they share a lock of the
person's, which the erasure takes alone, so that it either waits for them and finds what they
stored, or they find it. The code before is stopped, too. Each trigger is made in a transaction of
its own, so that one table is locked at a time.
"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

GUARDED = {
    "orders": "buyer_id",
    "point_charge": "user_id",
    "issued_coupon": "user_id",
    "product_like": "user_id",
    "drop_entry": "user_id",
}
_LOCK = int.from_bytes(b"era")  # as in commerce.user.erasure.statements


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.create_table(
            "erased_user",
            sa.Column("id", sa.Uuid(), primary_key=True),
            sa.Column("erased_at", sa.DateTime(timezone=True), nullable=False),
            if_not_exists=True,
        )
        for column in sorted(set(GUARDED.values())):
            op.execute(
                f"""
                CREATE OR REPLACE FUNCTION refuse_erased_{column}() RETURNS trigger
                LANGUAGE plpgsql AS $$
                BEGIN
                    PERFORM pg_advisory_xact_lock_shared({_LOCK}, hashtext(NEW.{column}::text));
                    PERFORM require(
                        NOT EXISTS (SELECT FROM erased_user WHERE id = NEW.{column}),
                        'user_not_erased'
                    );
                    RETURN NEW;
                END $$
                """
            )
        for table, column in GUARDED.items():
            op.execute(
                f"CREATE OR REPLACE TRIGGER not_for_the_erased BEFORE INSERT ON {table}"
                f" FOR EACH ROW EXECUTE FUNCTION refuse_erased_{column}()"
            )


def downgrade() -> None:
    for table in GUARDED:
        op.execute(f"DROP TRIGGER not_for_the_erased ON {table}")
    for column in sorted(set(GUARDED.values())):
        op.execute(f"DROP FUNCTION refuse_erased_{column}()")
    op.drop_table("erased_user")
