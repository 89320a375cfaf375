"""The user context's tables. The table is `user_account`, since USER is a reserved word."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    Date,
    DateTime,
    Index,
    Integer,
    Table,
    Text,
    Uuid,
    func,
    text,
)

from commerce.runtime.db.core import metadata

user_table = Table(
    "user_account",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("login_id", Text, nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("birth_date", Date, nullable=False),
    Column("gender", Text, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("epoch", BigInteger, nullable=False, server_default=text("0")),
    Column("version", BigInteger, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
)
Index("login_id_taken", func.lower(user_table.c.login_id), unique=True)

login_throttle_table = Table(
    "login_throttle",
    metadata,
    Column("key", Text, primary_key=True),  # a digest: neither login id nor address
    Column("failures", Integer, nullable=False),
    Column("blocked_until", DateTime(timezone=True), nullable=False),
    Index("login_throttle_blocked_until", "blocked_until"),
)

# Only releases before migration 0011 read it; the next release drops it.
login_attempt_table = Table(
    "login_attempt",
    metadata,
    Column("login_id", Text, primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("blocked_until", DateTime(timezone=True), nullable=False),
)
