"""Add suspended users, API keys, and one row in the audit for each act of staff.

- Users can be suspended: two nullable columns. An index finds the few users who are staff.
- An API key is kept as the digest of what was shown once.
- A staff act has its row before it begins, and its outcome afterwards. The changes and the dead
  letters that an act concerned are found by its request, so both audits are indexed by it; what
  the code before discards meanwhile names no request.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_AT = sa.DateTime(timezone=True)
_IS_STAFF = sa.text("scopes <> '{}'")


def upgrade() -> None:
    for table, column in (
        ("user_account", sa.Column("suspended_at", _AT)),
        ("user_account", sa.Column("suspension_reason", sa.Text())),
        ("ops_audit", sa.Column("trace_id", sa.Text(), nullable=False, server_default="")),
    ):
        op.add_column(table, column, if_not_exists=True)
    how: dict[str, Any] = {"if_not_exists": True, "postgresql_concurrently": True}
    with op.get_context().autocommit_block():
        op.create_index("user_is_staff", "user_account", ["id"], postgresql_where=_IS_STAFF, **how)
        op.create_index("admin_audit_of_request", "admin_audit", ["trace_id"], **how)
        op.create_index("ops_audit_of_request", "ops_audit", ["trace_id"], **how)
    op.create_table(
        "api_key",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("ends_with", sa.Text(), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("creator_id", sa.Uuid()),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", _AT, nullable=False),
        sa.Column("expires_at", _AT, nullable=False),
        sa.Column("revoked_at", _AT),
        sa.Column("last_used_at", _AT),
        sa.Column("next_request_at", _AT, nullable=False),
        sa.ForeignKeyConstraint(["creator_id"], ["user_account.id"], name="api_key_of_a_creator"),
        sa.PrimaryKeyConstraint("id", name="api_key_pkey"),
        sa.UniqueConstraint("digest", name="api_key_digest"),
    )
    op.create_table(
        "staff_act",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", _AT, nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("trace_id", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text()),
        sa.Column("code", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="staff_act_pkey"),
    )
    op.create_index("staff_act_by", "staff_act", ["by", "id"])
    op.create_index("staff_act_action", "staff_act", ["action", "id"])


def downgrade() -> None:
    op.drop_table("staff_act")
    op.drop_table("api_key")
    op.drop_column("user_account", "suspension_reason")
    op.drop_column("user_account", "suspended_at")
    op.drop_index("ops_audit_of_request", "ops_audit")
    op.drop_column("ops_audit", "trace_id")
    op.drop_index("user_is_staff", "user_account")
    op.drop_index("admin_audit_of_request", "admin_audit")
