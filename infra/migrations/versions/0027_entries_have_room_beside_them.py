"""Entries of drops have room beside them, so that the seal marks them without touching an index.

Only rows that are stored later are placed so. The lock that this takes lets everybody read and
write meanwhile.
"""

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE drop_entry SET (fillfactor = 45)")


def downgrade() -> None:
    op.execute("ALTER TABLE drop_entry RESET (fillfactor)")
