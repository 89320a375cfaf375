"""Refusals of drops: an account's first of each reason, which the drop's report counts."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "drop_refusal",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("drop_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "drop_id", "reason", name="drop_refusal_pkey"),
    )
    op.create_index("refusals_of_drop", "drop_refusal", ["drop_id", "reason"])
    op.execute(
        "CREATE TRIGGER not_for_the_erased BEFORE INSERT ON drop_refusal"
        " FOR EACH ROW EXECUTE FUNCTION refuse_erased_user_id()"
    )


def downgrade() -> None:
    op.drop_table("drop_refusal")
