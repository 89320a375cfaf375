"""Users have an address book, an order has its address, carrier and tracking number.

A shipment keeps the notice that is under way, so that it is completed with the content that it was
begun with, and the version of the order that the delivery system is known to have. The code before
writes neither: an order whose notice it has begun is sent an UPDATE by the code after if it needs
one.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "postal_address",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("line1", sa.Text(), nullable=False),
        sa.Column("line2", sa.Text()),
        sa.Column("city", sa.Text()),
        sa.Column("region", sa.Text()),
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("postal_code", sa.Text()),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name="address_of_a_user"),
    )
    op.create_index("postal_address_of_user", "postal_address", ["user_id", "id"])
    op.create_index(
        "one_default_address",
        "postal_address",
        ["user_id"],
        unique=True,
        postgresql_where=sa.text("is_default"),
    )
    op.execute(
        "CREATE TRIGGER not_for_the_erased BEFORE INSERT ON postal_address"
        " FOR EACH ROW EXECUTE FUNCTION refuse_erased_user_id()"
    )
    op.add_column("orders", sa.Column("ship_to", JSONB()))
    op.add_column("orders", sa.Column("carrier", sa.Text()))
    op.add_column("orders", sa.Column("tracking_number", sa.Text()))
    version = sa.Column("delivery_version", sa.BigInteger(), nullable=False, server_default="0")
    op.add_column("orders", version)
    op.add_column("orders", sa.Column("delivery_changed_at", sa.DateTime(timezone=True)))
    told = sa.Column("sent_version", sa.BigInteger(), nullable=False, server_default="0")
    op.add_column("shipment", told)
    op.add_column("shipment", sa.Column("under_way", JSONB()))


def downgrade() -> None:
    for name in ("under_way", "sent_version"):
        op.drop_column("shipment", name)
    for name in (
        "delivery_changed_at",
        "delivery_version",
        "tracking_number",
        "carrier",
        "ship_to",
    ):
        op.drop_column("orders", name)
    op.drop_table("postal_address")
