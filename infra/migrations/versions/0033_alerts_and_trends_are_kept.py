"""Keep alerts, with what operators did about each, and samples of the last days.

The code before reads and writes none of it. Both tables are new, so nothing waits for a lock.
"""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "alert",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("runbook", sa.Text(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True)),
        sa.Column("acknowledged_by", sa.Text()),
        sa.Column("note", sa.Text()),
        sa.Column("silenced_until", sa.DateTime(timezone=True)),
        sa.Column("silenced_by", sa.Text()),
        sa.Column("silence_reason", sa.Text()),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.UniqueConstraint("code", "about", name="alert_of_subject"),
        sa.CheckConstraint("count > 0", name="alert_raised"),
        sa.CheckConstraint(
            "(acknowledged_at IS NULL) = (acknowledged_by IS NULL)"
            " AND (acknowledged_at IS NULL) = (note IS NULL)",
            name="alert_acknowledgement_whole",
        ),
        sa.CheckConstraint(
            "(silenced_until IS NULL) = (silenced_by IS NULL)"
            " AND (silenced_until IS NULL) = (silence_reason IS NULL)",
            name="alert_silence_whole",
        ),
    )
    op.create_index("alert_newest", "alert", ["last_at", "id"])
    op.create_table(
        "trend_sample",
        sa.Column("slot", sa.DateTime(timezone=True), primary_key=True),
        sa.Column("dead_letters", sa.BigInteger()),
        sa.Column("outbox_age_seconds", sa.BigInteger()),
        sa.Column("breaker", sa.Text()),
        sa.Column("payments_succeeded", sa.BigInteger()),
        sa.Column("payments_failed", sa.BigInteger()),
        sa.Column("api_5xx", sa.BigInteger()),
        sa.Column("functions_failed", sa.BigInteger()),
        sa.Column("version", sa.Text()),
        sa.Column("code", sa.Text()),
    )


def downgrade() -> None:
    op.drop_table("trend_sample")
    op.drop_table("alert")
