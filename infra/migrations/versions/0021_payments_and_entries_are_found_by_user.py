"""Index payments by charge and by buyer, and the ledger in its order.

The indexes are built outside a transaction, so each step can be made again.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_HOW: dict[str, Any] = {"if_not_exists": True, "postgresql_concurrently": True}
_LIVE = "status IN ('REQUESTED', 'PENDING', 'SUCCEEDED') AND NOT is_extra"
_IN_ORDER = [sa.text("user_id"), sa.text("coalesce(position, 0) DESC"), sa.text("id DESC")]


def upgrade() -> None:
    has_charge = sa.text("charge_id IS NOT NULL")
    with op.get_context().autocommit_block():
        op.create_index(
            "payment_of_charge", "payment", ["charge_id"], postgresql_where=has_charge, **_HOW
        )
        op.create_index(
            "one_live_payment_per_charge",
            "payment",
            ["charge_id"],
            unique=True,
            postgresql_where=sa.text(f"{_LIVE} AND charge_id IS NOT NULL"),
            **_HOW,
        )
        op.create_index("payment_of_buyer", "payment", ["buyer_id", "requested_at"], **_HOW)
        op.create_index(
            "points_credited_once_per_charge",
            "point_ledger",
            ["charge_id"],
            unique=True,
            postgresql_where=has_charge,
            **_HOW,
        )
        op.create_index("point_ledger_in_order", "point_ledger", _IN_ORDER, **_HOW)


def downgrade() -> None:
    for name in ("point_ledger_in_order", "points_credited_once_per_charge"):
        op.drop_index(name, table_name="point_ledger")
    for name in ("payment_of_buyer", "one_live_payment_per_charge", "payment_of_charge"):
        op.drop_index(name, table_name="payment")
