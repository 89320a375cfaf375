"""The audits: what operators did that cannot be undone, and what admins changed in the shop."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Column, DateTime, Index, Table, Text, Uuid, bindparam, insert
from sqlalchemy.dialects.postgresql import JSONB

from commerce.shared import clock, trace
from commerce.shared.database import Database, Statement, metadata
from commerce.shared.events import plain
from commerce.shared.unit_of_work import UnitOfWork

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

_KEEP = Statement(
    insert(ops_audit_table).values({each.name: bindparam(each.name) for each in ops_audit_table.c})
)


_RECORD = Statement(
    insert(admin_audit_table).values(
        {each.name: bindparam(each.name, type_=each.type) for each in admin_audit_table.c}
    )
)


@dataclass(frozen=True, slots=True)
class Change:
    """What an admin changed of one thing: `before` and `after` hold the fields that differ.

    Of something new there is nothing before.
    """

    by: str
    action: str
    subject_id: UUID
    before: Mapping[str, Any]
    after: Mapping[str, Any]


def record(uow: UnitOfWork, change: Change) -> None:
    """Write the change down, in the transaction that makes it."""
    uow.write(
        _RECORD(
            id=clock.new_id(),
            at=clock.now(),
            by=change.by,
            action=change.action,
            subject_id=change.subject_id,
            before=_plain(change.before),
            after=_plain(change.after),
            trace_id=trace.trace_id(),
        )
    )


def _plain(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: plain(value) for name, value in facts.items()}


@dataclass(frozen=True, slots=True)
class Act:
    """One thing done to one message; `body` is the message as it was."""

    by: str
    action: str
    queue: str
    message_id: str
    body: str
    reason: str


def keep(database: Database, act: Act) -> None:
    """Write the act down, committed when this returns. Do it before the act itself."""
    # PostgreSQL keeps no NUL: what cannot be written is shown as the replacement character.
    told = {
        name: value.replace("\0", "\N{REPLACEMENT CHARACTER}")
        for name, value in asdict(act).items()
    }
    database.run([_KEEP(id=clock.new_id(), at=clock.now(), **told)])
