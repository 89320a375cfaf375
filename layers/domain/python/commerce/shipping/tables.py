"""The shipping context's tables: shipments, and the notices that were sent."""

from sqlalchemy import Column, DateTime, PrimaryKeyConstraint, Table, Text, Uuid

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
)
