"""Sessions, which end, and each user's epoch.

Tokens of the code before name no session; they last until they expire, within a quarter of an hour.
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "user_account",
        sa.Column("epoch", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
    )
    op.create_table(
        "user_session",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("user_agent", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name="session_of_a_user"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("session_by_user", "user_session", ["user_id", "used_at"])
    op.create_index("session_expires", "user_session", ["expires_at"])


def downgrade() -> None:
    op.drop_table("user_session")
    op.drop_column("user_account", "epoch")
