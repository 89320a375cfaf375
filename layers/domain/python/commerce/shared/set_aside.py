"""Events that the bus can never take: kept apart, with the cause, so that the others go on."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    DateTime,
    Table,
    Text,
    Uuid,
    any_,
    bindparam,
    column,
    delete,
    insert,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB

from commerce.shared import clock
from commerce.shared.database import Database, Query, Statement, metadata, records
from commerce.shared.outbox import ENVELOPE, outbox_table
from commerce.shared.unit_of_work import UnitOfWork

set_aside_table = Table(
    "outbox_set_aside",
    metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("id", Uuid, nullable=False, unique=True),
    Column("source", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    Column("aggregate_id", Uuid, nullable=False),
    Column("aggregate_version", BigInteger, nullable=False),
    Column("trace_id", Text, nullable=False),
    Column("data", JSONB, nullable=False),
    Column("cause", Text, nullable=False),
    Column("set_aside_at", DateTime(timezone=True), nullable=False),
)

_MOVED = ("position", *ENVELOPE)
_causes = records("rows", column("position", BigInteger), column("cause", Text))
_gone = (
    delete(outbox_table)
    .where(outbox_table.c.position == _causes.c.position)
    .returning(*(outbox_table.c[name] for name in _MOVED), _causes.c.cause)
    .cte("gone")
)
_SET_ASIDE = Statement(
    insert(set_aside_table).from_select(
        [*_MOVED, "cause", "set_aside_at"], select(*_gone.c, bindparam("set_aside_at"))
    )
)
_s = set_aside_table.c
_LIST = Statement(
    select(_s.id, _s.type, _s.occurred_at, _s.aggregate_id, _s.trace_id, _s.cause, _s.set_aside_at)
    .order_by(_s.position)
    .limit(bindparam("limit", type_=BigInteger))
)
_back = (
    delete(set_aside_table)
    .where(_s.id == any_(bindparam("ids", type_=ARRAY(Uuid))))
    .returning(*(_s[name] for name in _MOVED))
    .cte("back")
)
_PUT_BACK = Statement(
    insert(outbox_table).from_select(list(_MOVED), select(*_back.c)).returning(outbox_table.c.id)
)


@dataclass(frozen=True, slots=True)
class SetAside:
    """An event that was set aside."""

    id: UUID
    type: str
    occurred_at: datetime
    aggregate_id: UUID
    trace_id: str
    cause: str
    set_aside_at: datetime


def move(causes: Mapping[int, str]) -> Query:
    """The statement that moves the events at these positions out of the outbox."""
    rows = [{"position": position, "cause": cause} for position, cause in causes.items()]
    return _SET_ASIDE(rows=rows, set_aside_at=clock.now())


def find(database: Database, limit: int = 100) -> list[SetAside]:
    """The oldest events that were set aside."""
    return [SetAside(*row) for row in database.run([_LIST(limit=limit)])[0]]


def put_back(uow: UnitOfWork, ids: Collection[UUID]) -> set[UUID]:
    """Let the relay try these events again, at their old place; returns which were there."""
    return {row.id for row in uow.lock(_PUT_BACK(ids=list(ids)))}
