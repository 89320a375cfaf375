"""The table of samples: one row per slot of five minutes."""

from sqlalchemy import BigInteger, Column, DateTime, Table, Text

from commerce.runtime.db.core import metadata

# What was not sampled is null. Counts are of the slot; the others are of a moment in it.
trend_sample_table = Table(
    "trend_sample",
    metadata,
    Column("slot", DateTime(timezone=True), primary_key=True),
    Column("dead_letters", BigInteger),
    Column("outbox_age_seconds", BigInteger),
    Column("breaker", Text),
    Column("payments_succeeded", BigInteger),
    Column("payments_failed", BigInteger),
    Column("api_5xx", BigInteger),
    Column("functions_failed", BigInteger),
    Column("version", Text),
    Column("code", Text),  # a digest of what ran
)
