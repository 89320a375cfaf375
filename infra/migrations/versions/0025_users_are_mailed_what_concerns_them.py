"""A user has a language, a notice goes to a former address, and some addresses are mailed no more.

The code before writes none of them: its users are mailed in English, and its edits give no notice.
Where it erases a user, what is suppressed goes with the account's row. That the token of a fresh
deployment was used has a row, too.
"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    language = sa.Column("language", sa.Text(), nullable=False, server_default="en")
    op.add_column("user_account", language)
    op.add_column("mail_token", sa.Column("former_email", sa.Text()))
    op.create_table(
        "suppressed_address",
        sa.Column("address", sa.Text(), primary_key=True),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("suppressed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user_account.id"], name="suppressed_for_a_user", ondelete="CASCADE"
        ),
    )
    op.create_index("suppressed_address_of_user", "suppressed_address", ["user_id"])
    op.create_table(
        "bootstrap_use",
        sa.Column("is_used", sa.Boolean(), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("is_used", name="bootstrap_once"),
        sa.CheckConstraint("is_used", name="bootstrap_has_one_row"),
    )


def downgrade() -> None:
    op.drop_table("bootstrap_use")
    op.drop_table("suppressed_address")
    op.drop_column("mail_token", "former_email")
    op.drop_column("user_account", "language")
