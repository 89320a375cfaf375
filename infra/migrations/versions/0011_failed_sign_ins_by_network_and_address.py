"""Failed sign-ins are counted by device, network and address.

The table login_attempt stays for the code before, and is dropped by the next release.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "login_throttle",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("blocked_until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index("login_throttle_blocked_until", "login_throttle", ["blocked_until"])


def downgrade() -> None:
    op.drop_table("login_throttle")
