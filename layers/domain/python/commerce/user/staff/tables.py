"""The table of the one use of a fresh deployment's token."""

from sqlalchemy import Boolean, CheckConstraint, Column, DateTime, PrimaryKeyConstraint, Table

from commerce.runtime.db.core import metadata

bootstrap_use_table = Table(
    "bootstrap_use",
    metadata,
    Column("is_used", Boolean, nullable=False),
    Column("used_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("is_used", name="bootstrap_once"),
    CheckConstraint("is_used", name="bootstrap_has_one_row"),
)
