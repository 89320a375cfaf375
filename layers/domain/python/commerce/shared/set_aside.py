"""Events that the bus can never take: kept apart, with the cause, so that the others go on."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from commerce.shared import clock
from commerce.shared.database import Database
from commerce.shared.statement import ahead
from commerce.shared.unit_of_work import UnitOfWork
from commerce.shared.wire import Query

if TYPE_CHECKING:
    from commerce.shared import statements as sql
else:
    sql = ahead("commerce.shared.statements")


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
    return sql.SET_ASIDE(rows=rows, set_aside_at=clock.now())


def find(database: Database, limit: int = 100) -> list[SetAside]:
    """The oldest events that were set aside."""
    return [SetAside(*row) for row in database.run([sql.LIST_SET_ASIDE(limit=limit)])[0]]


def put_back(uow: UnitOfWork, ids: Collection[UUID]) -> set[UUID]:
    """Let the relay try these events again, at their old place; returns which were there."""
    return {row.id for row in uow.lock(sql.PUT_BACK(ids=list(ids)))}
