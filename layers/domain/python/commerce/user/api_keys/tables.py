"""The table of API keys. Of the key itself it has a digest."""

from sqlalchemy import (
    ARRAY,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)

from commerce.runtime.db.core import metadata

api_key_table = Table(
    "api_key",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("ends_with", Text, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("creator_id", Uuid),
    Column("created_by", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("revoked_at", DateTime(timezone=True)),
    Column("last_used_at", DateTime(timezone=True)),
    Column("next_request_at", DateTime(timezone=True), nullable=False),
    ForeignKeyConstraint(["creator_id"], ["user_account.id"], name="api_key_of_a_creator"),
    UniqueConstraint("digest", name="api_key_digest"),
)
