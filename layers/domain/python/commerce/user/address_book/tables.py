"""The table of the address book: personal data, which is deleted with its user."""

from sqlalchemy import Boolean, Column, ForeignKeyConstraint, Index, Table, Text, Uuid, text

from commerce.runtime.db.core import metadata

postal_address_table = Table(
    "postal_address",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("user_id", Uuid, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("phone", Text, nullable=False),
    Column("line1", Text, nullable=False),
    Column("line2", Text),
    Column("city", Text),
    Column("region", Text),
    Column("country", Text, nullable=False),
    Column("postal_code", Text),
    Column("is_default", Boolean, nullable=False),
    ForeignKeyConstraint(["user_id"], ["user_account.id"], name="address_of_a_user"),
)
Index("postal_address_of_user", postal_address_table.c.user_id, postal_address_table.c.id)
Index(
    "one_default_address",
    postal_address_table.c.user_id,
    unique=True,
    postgresql_where=text("is_default"),
)
