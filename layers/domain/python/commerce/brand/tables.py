"""Table of the brand context."""

from sqlalchemy import BigInteger, Column, DateTime, Table, Text, Uuid

from commerce.runtime.db.core import metadata

brand_table = Table(
    "brand",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
)
