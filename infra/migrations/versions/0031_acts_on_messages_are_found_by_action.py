"""Acts on messages are found by what was done: discards to restore, redrives of the last hour."""

from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.create_index(
            "ops_audit_of_action",
            "ops_audit",
            ["action", "id"],
            if_not_exists=True,
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    op.drop_index("ops_audit_of_action", "ops_audit")
