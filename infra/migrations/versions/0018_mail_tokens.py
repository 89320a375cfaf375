"""Add the tokens that users are mailed, each good once, and a record of the mails sent.

Both tables are new, so nothing that the code before uses is locked.
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_AT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "mail_token",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid()),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("created_at", _AT, nullable=False),
        sa.Column("expires_at", _AT, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name="mail_token_of_a_user"),
        sa.PrimaryKeyConstraint("id", name="mail_token_pkey"),
    )
    op.create_index("mail_token_by_user", "mail_token", ["user_id", "purpose"])
    op.create_index("mail_token_expires", "mail_token", ["expires_at"])
    op.create_table(
        "mail",
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("begun_at", _AT, nullable=False),
        sa.Column("sent_at", _AT),
        sa.PrimaryKeyConstraint("event_id", name="mail_once_per_event"),
    )
    op.create_index("mail_begun", "mail", ["begun_at"])


def downgrade() -> None:
    op.drop_table("mail")
    op.drop_table("mail_token")
