"""Scheduled reconciliations are kept with what they found, and messages that fail are noted.

The code before reads none of it.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "reconciliation_run",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("seconds", sa.Float(53), nullable=False),
        sa.Column("oldest_transaction", sa.BigInteger(), nullable=False),
        sa.Column("book", sa.Text()),
        sa.Column("last_id", sa.Uuid()),
        sa.Column("checked", JSONB(), nullable=False),
        sa.Column("findings", JSONB(), nullable=False),
        sa.Column("is_complete", sa.Boolean(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
    )
    op.create_index("reconciliation_run_newest", "reconciliation_run", ["kind", "begun_at"])
    op.create_index(
        "one_full_run_at_a_time",
        "reconciliation_run",
        ["kind"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "failing_message",
        sa.Column("message_id", sa.Text(), primary_key=True),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("failing_message_newest", "failing_message", ["failed_at"])


def downgrade() -> None:
    op.drop_table("failing_message")
    op.drop_table("reconciliation_run")
