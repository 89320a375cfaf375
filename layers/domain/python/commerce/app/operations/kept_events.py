"""One event of the outbox or the quarantine, and the discard of a quarantined one.

A discarded event is kept in the audit as a discarded dead letter is, under the queue's name
`quarantine`: it is listed among those, and restored as they are.
"""

import json
from collections.abc import Collection
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from commerce.app.operations.commands import DiscardEvent
from commerce.app.operations.discarded import DISCARD, RESTORE, Discarded, discarded, discarded_once
from commerce.app.operations.errors import EventNotFound, EventNotQuarantined
from commerce.app.shop import Shop
from commerce.app.transactions import in_transaction
from commerce.runtime import audit
from commerce.runtime.audit import Act
from commerce.runtime.db.pipeline import Row
from commerce.runtime.db.sql import sql as shared_sql
from commerce.runtime.db.statement import precompiled
from commerce.runtime.messaging import quarantine
from commerce.runtime.messaging.dead_letters import DeadLetter
from commerce.shared import cursor
from commerce.shared.events import ENVELOPE, plain
from commerce.shared.schemas import Timestamp, View, one_of

if TYPE_CHECKING:
    from commerce.app.operations import statements as sql
else:
    sql = precompiled("commerce.app.operations.statements")

QUARANTINE = "quarantine"
"""The queue of discarded events, as the audit and the discarded messages name it."""
STATES = ("WAITING", "PUBLISHED", "QUARANTINED")
MAX_BODY_CHARACTERS = 300_000  # the bus takes 256 KB, and what it did not take may be larger


class EventView(View):
    """An event with its data: waiting for the bus, published within days, or quarantined.

    `cause` and `set_aside_at` are of a quarantined one only. `body` is the envelope as JSON.
    """

    event_id: str
    type: str
    state: Annotated[str, one_of(STATES)]
    aggregate_id: str
    trace_id: str
    occurred_at: Timestamp
    published_at: Timestamp | None
    refusals: int = Field(description="How often the bus refused it for a fault of its own")
    cause: str | None = Field(description="Why the bus can never take it")
    set_aside_at: Timestamp | None = Field(description="When it was quarantined")
    body: str
    body_is_cut: bool


class DiscardedEventView(View):
    """The event is deleted and not handled; the audit keeps it."""

    event_id: str
    discarded: Literal[True]


def event(event_id: str) -> EventView:
    """Return an event that is kept. Raises EventNotFound."""
    id_ = cursor.parse_id(event_id)
    found = None if id_ is None else in_transaction(find_event, id_)
    if found is None:
        raise EventNotFound
    return found


def find_event(shop: Shop, event_id: UUID) -> EventView | None:
    """Return an event that is kept, else None."""
    for row in shop.uow.read(shared_sql.FIND_EVENT(event_id=event_id)):
        return _view(row)
    return None


def discard_quarantined(event_id: str, command: DiscardEvent, *, by: str) -> DiscardedEventView:
    """Delete a quarantined event, for a reason. Raises EventNotQuarantined."""
    id_ = cursor.parse_id(event_id)
    if id_ is None or not in_transaction(discard_event, id_, command.reason, by=by):
        raise EventNotQuarantined
    return DiscardedEventView(event_id=str(id_), discarded=True)


def discard_event(shop: Shop, event_id: UUID, reason: str, *, by: str) -> bool:
    """Delete a quarantined event, audited with its data; return whether it was quarantined."""
    row = quarantine.discard(shop.uow, event_id)
    if row is None:
        return False
    kept = {name: plain(getattr(row, name)) for name in ("position", "cause", "set_aside_at")}
    body = json.dumps({"detail": _envelope(row), **kept})
    audit.record_act_with(shop.uow, Act(by, DISCARD, QUARANTINE, str(event_id), body, reason))
    return True


def discarded_from_quarantine(shop: Shop) -> list[Discarded]:
    """Return the events that were discarded, the newest first, each once."""
    return discarded(shop, QUARANTINE, since=datetime.fromtimestamp(0, UTC))


def restore_events(shop: Shop, ids: Collection[str], *, by: str) -> list[DeadLetter]:
    """Let the relay publish discarded events again, audited; return those that were not kept.

    However many do it at once: one that is in the outbox or the quarantine stays as it is.
    """
    # Locked, so that two who restore one event take turns.
    query = sql.LOCK_DISCARDED(action=DISCARD, queue=QUARANTINE, message_ids=list(ids))
    found = [each.message for each in discarded_once(shop.uow.lock(query))]
    rows = [_row(each) for each in found]
    restored = {str(each) for each in quarantine.restore(shop.uow, rows)} if rows else set()
    done = [each for each in found if each.id in restored]
    for each in done:
        audit.record_act_with(shop.uow, Act(by, RESTORE, QUARANTINE, each.id, each.body, ""))
    return done


def _row(message: DeadLetter) -> dict[str, Any]:
    return {**message.envelope, "position": json.loads(message.body)["position"]}


def _envelope(row: Row) -> dict[str, Any]:
    return {name: plain(getattr(row, name)) for name in ENVELOPE}


def _view(row: Row) -> EventView:
    body = json.dumps(_envelope(row), ensure_ascii=False)
    state = "QUARANTINED" if row.set_aside_at else "PUBLISHED" if row.published_at else "WAITING"
    return EventView(
        event_id=str(row.id),
        type=row.type,
        state=state,
        aggregate_id=str(row.aggregate_id),
        trace_id=row.trace_id,
        occurred_at=row.occurred_at,
        published_at=row.published_at,
        refusals=row.refusals,
        cause=row.cause,
        set_aside_at=row.set_aside_at,
        body=body[:MAX_BODY_CHARACTERS],
        body_is_cut=len(body) > MAX_BODY_CHARACTERS,
    )
