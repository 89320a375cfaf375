"""The user context's tables. The table is `user_account`, since USER is a reserved word."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    Date,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
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
    Column("suspended_at", DateTime(timezone=True)),
    Column("suspension_reason", Text),
    Column("language", Text, nullable=False, server_default=text("'en'")),
)
Index("user_is_staff", user_table.c.id, postgresql_where=text("scopes <> '{}'"))
Index("login_id_taken", func.lower(user_table.c.login_id), unique=True)

# Some accounts from before migration 0017 have another's address, and so no claim.
email_claim_table = Table(
    "email_claim",
    metadata,
    Column("address", Text, nullable=False),  # as commerce.user.addresses writes it
    Column("user_id", Uuid, nullable=False),
    Column("verified_at", DateTime(timezone=True)),
    ForeignKeyConstraint(["user_id"], ["user_account.id"], name="claim_of_a_user"),
    PrimaryKeyConstraint("address", name="email_taken"),
    UniqueConstraint("user_id", name="user_claims_one_email"),
)

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
