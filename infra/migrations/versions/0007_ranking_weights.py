"""The weights of the rankings, one row each time they were set."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_NAMES = ("view", "like", "order")


def upgrade() -> None:
    op.create_table(
        "ranking_weights",
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        *(sa.Column(f"{name}_weight", sa.Float(53), nullable=False) for name in _NAMES),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            " AND ".join(f"{name}_weight >= 0 AND {name}_weight <= 1" for name in _NAMES),
            name="weights_from_0_to_1",
        ),
        sa.PrimaryKeyConstraint("version"),
    )


def downgrade() -> None:
    op.drop_table("ranking_weights")
