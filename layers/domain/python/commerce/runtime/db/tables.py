"""The tables that belong to no context."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from commerce.runtime.db.core import metadata

once_table = Table(
    "once",
    metadata,
    Column("scope", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("answer", Text),
    Column("claimed_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("scope", "key", name="done_once"),
)

# Answers are deleted after two days, claims without one after weeks: each has an index.
Index("once_answered", once_table.c.claimed_at, postgresql_where=once_table.c.answer.is_not(None))
Index("once_unanswered", once_table.c.claimed_at, postgresql_where=once_table.c.answer.is_(None))


def _envelope() -> list[Column[Any]]:
    return [
        Column("id", Uuid, nullable=False, unique=True),
        Column("source", Text, nullable=False),
        Column("type", Text, nullable=False),
        Column("occurred_at", DateTime(timezone=True), nullable=False),
        Column("aggregate_id", Uuid, nullable=False),
        Column("aggregate_version", BigInteger, nullable=False),
        Column("trace_id", Text, nullable=False),
        Column("data", JSONB, nullable=False),
    ]


outbox_table = Table(
    "outbox",
    metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=True),
    *_envelope(),
    Column("published_at", DateTime(timezone=True)),
    Column("refusals", Integer, nullable=False, server_default=text("0")),  # of the event itself
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

quarantine_table = Table(
    "outbox_set_aside",
    metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    *_envelope(),
    Column("cause", Text, nullable=False),
    Column("set_aside_at", DateTime(timezone=True), nullable=False),
)

# Messages that were tried in vain. `queue` is where they are: that of dead letters once the tries
# ran out, so that the cause of a dead letter is known without a search of the log.
failing_message_table = Table(
    "failing_message",
    metadata,
    Column("message_id", Text, primary_key=True),
    Column("queue", Text, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("cause", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("since", DateTime(timezone=True), nullable=False),
    Column("failed_at", DateTime(timezone=True), nullable=False),
    Index("failing_message_newest", "failed_at"),
)
TRIED_AGAIN = failing_message_table.c.queue.not_like(text("'%-dead-letters'"))

ops_audit_table = Table(
    "ops_audit",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("by", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("queue", Text, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("trace_id", Text, nullable=False, server_default=text("''")),
    Index("ops_audit_of_request", "trace_id"),
    Index("ops_audit_of_action", "action", "id"),
)

admin_audit_table = Table(
    "admin_audit",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("by", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject_id", Uuid, nullable=False),
    Column("before", JSONB, nullable=False),
    Column("after", JSONB, nullable=False),
    Column("trace_id", Text, nullable=False),
)
Index("admin_audit_of_subject", admin_audit_table.c.subject_id, admin_audit_table.c.id)
Index("admin_audit_of_request", admin_audit_table.c.trace_id)

# An act whose outcome is null is under way, or the process that did it died.
staff_act_table = Table(
    "staff_act",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("by", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("trace_id", Text, nullable=False),
    Column("outcome", Text),
    Column("code", Text),
)
Index("staff_act_by", staff_act_table.c.by, staff_act_table.c.id)
Index("staff_act_action", staff_act_table.c.action, staff_act_table.c.id)
