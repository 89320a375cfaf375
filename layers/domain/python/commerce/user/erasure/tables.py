"""The table of erased users: their ids, which nothing else leads to a person."""

from sqlalchemy import Column, DateTime, Table, Uuid

from commerce.runtime.db.core import metadata

erased_user_table = Table(
    "erased_user",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("erased_at", DateTime(timezone=True), nullable=False),
)
