"""Refusals of drops: an account's first of each reason, which the drop's report counts."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0021"
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


def downgrade() -> None:
    op.drop_table("drop_refusal")
