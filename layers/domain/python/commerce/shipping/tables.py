"""The shipping context's table: which notices the delivery system has."""

from sqlalchemy import Column, DateTime, PrimaryKeyConstraint, Table, Text, Uuid

from commerce.shared.database import metadata

shipment_notice_table = Table(
    "shipment_notice",
    metadata,
    Column("order_id", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("delivered_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("order_id", "kind", name="notice_once_per_order"),
)
