"""The shipping context's tables: shipments, and the notices that were sent."""

from sqlalchemy import BigInteger, Column, DateTime, PrimaryKeyConstraint, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

from commerce.runtime.db.core import metadata

shipment_notice_table = Table(
    "shipment_notice",
    metadata,
    Column("order_id", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("delivered_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("order_id", "kind", name="notice_once_per_order"),
)

shipment_table = Table(
    "shipment",
    metadata,
    Column("order_id", Uuid, primary_key=True),
    Column("begun_at", DateTime(timezone=True)),
    Column("called_off_at", DateTime(timezone=True)),
    Column("sent_version", BigInteger, nullable=False, server_default=text("0")),
    Column("under_way", JSONB),  # the notice that may have arrived; with personal data
)
