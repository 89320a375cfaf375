"""The outbox: events wait here, in the transaction that caused them, until the bus has them."""

from collections.abc import Sequence

from sqlalchemy import BigInteger, Column, DateTime, Index, Integer, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

from commerce.shared.database import Query, insert_many, metadata
from commerce.shared.events import Event

outbox_table = Table(
    "outbox",
    metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=True),
    Column("id", Uuid, nullable=False, unique=True),
    Column("source", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    Column("aggregate_id", Uuid, nullable=False),
    Column("aggregate_version", BigInteger, nullable=False),
    Column("trace_id", Text, nullable=False),
    Column("data", JSONB, nullable=False),
    Column("published_at", DateTime(timezone=True)),
    Column("refusals", Integer, nullable=False, server_default=text("0")),  # for a fault of its own
)
Index(
    "outbox_unpublished",
    outbox_table.c.position,
    postgresql_where=outbox_table.c.published_at.is_(None),
)
Index(
    "outbox_published",
    outbox_table.c.published_at,
    postgresql_where=outbox_table.c.published_at.is_not(None),
)

ENVELOPE = (
    "id", "source", "type", "occurred_at", "aggregate_id", "aggregate_version", "trace_id", "data",
)  # fmt: skip

_INSERT = insert_many(outbox_table, *ENVELOPE)


def store(events: Sequence[Event]) -> Query:
    """The statement that puts the events into the outbox, in their order."""
    return _INSERT(rows=[event.envelope() for event in events])
