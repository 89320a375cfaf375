"""GET /admin/dead-letters/{queue} and what else is read from queues, outbox, audit and log."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from commerce.app.operations import (
    CauseFilter,
    DeadLettersFoundView,
    DiscardedView,
    EventNotFound,
    EventView,
    KindFilter,
    KindsView,
    QueueDeadLettersView,
    QueueNotFound,
    TimelineView,
    dead_letters_of,
    event,
    kinds_of,
    newest_discarded,
    search_letters,
    timeline,
)
from commerce.app.transactions import in_transaction
from commerce.entrypoints.http import Cursor, Limit, Scope, Staff, http_api, lambda_handler
from commerce.order import OrderNotFound
from commerce.shared.schemas import Page

api = http_api()
LettersLimit = Annotated[int, Query(ge=1, le=50, description="How many dead letters, 1 to 50")]


@api.get("/admin/dead-letters/<queue>")
def list_dead_letters(
    queue: str,
    staff: Staff,  # noqa: ARG001
    limit: LettersLimit = 20,
) -> QueueDeadLettersView:
    """Read the dead letters of a queue, oldest first."""
    return dead_letters_of(queue, limit)


@api.get("/admin/dead-letters/<queue>/search")
def search_dead_letters(
    queue: str,
    staff: Staff,  # noqa: ARG001
    kind: Annotated[KindFilter | None, Query(description="Only those of this kind")] = None,
    cause: Annotated[CauseFilter | None, Query(description="Only those whose cause has it")] = None,
    limit: LettersLimit = 20,
) -> DeadLettersFoundView:
    """Find the dead letters of a kind or cause, as before redriving them."""
    return search_letters(queue, kind=kind, cause=cause, limit=limit)


@api.get("/admin/dead-letters/<queue>/kinds")
def count_kinds(queue: str, staff: Staff) -> KindsView:  # noqa: ARG001
    """Count the dead letters of a queue by kind, as before discarding them."""
    return kinds_of(queue)


@api.get("/admin/discarded-messages")
def list_discarded_messages(limit: Limit = 20, cursor: Cursor = None) -> Page[DiscardedView]:
    """Read which messages were discarded, why, and which of them were restored."""
    return in_transaction(newest_discarded, limit=limit, after=cursor)


@api.get("/admin/events/<event_id>")
def get_event(event_id: str, staff: Staff) -> EventView:  # noqa: ARG001
    """Read an event with its data: waiting for the bus, published within days, or quarantined."""
    return event(event_id)


@api.get("/admin/orders/<order_id>/timeline")
def get_timeline(order_id: str, staff: Staff) -> TimelineView:  # noqa: ARG001
    """Read all that is known of an order: history, events, notices, acts, dead letters, log."""
    return timeline(order_id)


handler = lambda_handler(
    api, access=Scope.OPS, refusals=(QueueNotFound, OrderNotFound, EventNotFound)
)
