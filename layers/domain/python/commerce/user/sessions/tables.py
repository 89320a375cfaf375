"""The table of sessions. A session that ended has no row."""

from sqlalchemy import BigInteger, Column, DateTime, ForeignKeyConstraint, Index, Table, Text, Uuid

from commerce.runtime.db.core import metadata

session_table = Table(
    "user_session",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("user_id", Uuid, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("user_agent", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("used_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    ForeignKeyConstraint(["user_id"], ["user_account.id"], name="session_of_a_user"),
    Index("session_by_user", "user_id", "used_at"),
    Index("session_expires", "expires_at"),
)
