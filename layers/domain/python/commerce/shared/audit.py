"""The audit: what operators did that cannot be undone, who it was, and why."""

from dataclasses import asdict, dataclass

from sqlalchemy import Column, DateTime, Table, Text, Uuid, bindparam, insert

from commerce.shared import clock
from commerce.shared.database import Database, Statement, metadata

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

_KEEP = Statement(
    insert(ops_audit_table).values({each.name: bindparam(each.name) for each in ops_audit_table.c})
)


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
