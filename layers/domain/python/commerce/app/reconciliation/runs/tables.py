"""The table of reconciliation runs: one row per scheduled run."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Float,
    Index,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from commerce.runtime.db.core import metadata

# A full run is under way while it has not ended: `book` and `last_id` are where it goes on.
reconciliation_run_table = Table(
    "reconciliation_run",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("begun_at", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    Column("seconds", Float(53), nullable=False),  # of work, without the pauses of a full run
    Column("oldest_transaction", BigInteger, nullable=False),  # under way when it began
    Column("book", Text),
    Column("last_id", Uuid),
    Column("checked", JSONB, nullable=False),
    Column("findings", JSONB, nullable=False),
    Column("is_complete", Boolean, nullable=False),
    Column("unequal", JSONB, nullable=False, server_default=text("'[]'::jsonb")),
    Column("version", BigInteger, nullable=False),
)
_r = reconciliation_run_table.c
Index("reconciliation_run_newest", _r.kind, _r.begun_at)
Index("one_full_run_at_a_time", _r.kind, unique=True, postgresql_where=text("ended_at IS NULL"))
