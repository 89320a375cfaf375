"""The quarantine: events that the bus can never take, with the cause, out of the others' way."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from commerce.runtime.db.connection import Database
from commerce.runtime.db.pipeline import Query, Row
from commerce.runtime.db.sql import sql
from commerce.runtime.db.unit_of_work import UnitOfWork
from commerce.shared import clock


@dataclass(frozen=True, slots=True)
class QuarantinedEvent:
    """An event in quarantine."""

    id: UUID
    type: str
    occurred_at: datetime
    aggregate_id: UUID
    trace_id: str
    cause: str
    set_aside_at: datetime


def move(causes: Mapping[int, str]) -> Query:
    """Build the statement that moves the events at these positions out of the outbox."""
    rows = [{"position": position, "cause": cause} for position, cause in causes.items()]
    return sql.QUARANTINE(rows=rows, set_aside_at=clock.now())


def find(database: Database, limit: int = 100) -> list[QuarantinedEvent]:
    """Return the oldest events in quarantine."""
    return [QuarantinedEvent(*row) for row in database.run([sql.LIST_QUARANTINED(limit=limit)])[0]]


def requeue(uow: UnitOfWork, ids: Collection[UUID]) -> set[UUID]:
    """Move events back to the outbox, at their old positions; return those that were there."""
    return {row.id for row in uow.lock(sql.REQUEUE(ids=list(ids)))}


def discard(uow: UnitOfWork, event_id: UUID) -> Row | None:
    """Delete an event in quarantine, and return it; None where it is not there."""
    return next(iter(uow.lock(sql.DISCARD_QUARANTINED(event_id=event_id))), None)


def restore(uow: UnitOfWork, events: Sequence[Mapping[str, Any]]) -> set[UUID]:
    """Store discarded events in the outbox at their old positions; return those that were not kept.

    The caller holds a lock by which two restores of one event take turns.
    """
    return {row.id for row in uow.lock(sql.RESTORE_EVENT(rows=list(events)))}
