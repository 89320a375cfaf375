"""The table of mailed tokens."""

from sqlalchemy import Column, DateTime, ForeignKeyConstraint, Index, Table, Text, Uuid

from commerce.runtime.db.core import metadata

mail_token_table = Table(
    "mail_token",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("user_id", Uuid),  # null where nothing is mailed
    Column("former_email", Text),  # where it is mailed instead, of a notice
    Column("purpose", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    ForeignKeyConstraint(["user_id"], ["user_account.id"], name="mail_token_of_a_user"),
    Index("mail_token_by_user", "user_id", "purpose"),
    Index("mail_token_expires", "expires_at"),
)
