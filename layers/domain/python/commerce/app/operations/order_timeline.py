"""The timeline of an order: all that is known of it and around it, oldest first."""

from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING
from uuid import UUID

from commerce.app.operations.dead_letters import dead_letters_about
from commerce.app.operations.timeline_entries import (
    Log,
    TimelineEntryView,
    act_entry,
    entry,
    event_entry,
)
from commerce.app.shop import Shop
from commerce.app.transactions import in_transaction
from commerce.order import OrderDetailView, OrderHistoryEntryView
from commerce.runtime.db.statement import precompiled
from commerce.runtime.deadline import Deadline
from commerce.shared.clock import first_id_at
from commerce.shared.schemas import View

if TYPE_CHECKING:
    from commerce.app.operations import statements as sql
else:
    sql = precompiled("commerce.app.operations.statements")

SEARCH_SECONDS = 10.0  # of queues, and then of the log; API Gateway waits for 29 s
MAX_LINES = 100  # of the log
MAX_TRACES = 5  # that are searched for in the log
# Ids of events are made at their time, so those around known moments are ranges of ids.
BEFORE, AFTER = timedelta(seconds=10), timedelta(seconds=10)


class TimelineView(View):
    """All that is known of an order, oldest first.

    `is_complete` is false where queues and log could not be searched to the end, or have more than
    is shown. Events are kept for the outbox's retention only; those of a payment that changed
    several times since it was requested are shown around its request and its last change.
    """

    order_id: str
    entries: list[TimelineEntryView]
    is_complete: bool


@dataclass(frozen=True, slots=True)
class _Known:
    """The database's part, with the traces of its events."""

    order: OrderDetailView
    entries: list[TimelineEntryView]
    traces: list[str]


def timeline(order_id: str) -> TimelineView:
    """Return what happened to an order, and around it. Raises OrderNotFound."""
    known = in_transaction(_known, order_id)
    id_ = known.order.order_id
    found, are_all = dead_letters_about(id_, SEARCH_SECONDS)
    letters = [
        entry(each.occurred_at, "DEAD_LETTER", each.kind, each.cause, by=queue, id=each.id)
        for queue, each in found
    ]
    lines = Log(Deadline.within(SEARCH_SECONDS))
    words, since = [id_, *known.traces[:MAX_TRACES]], known.order.placed_at - BEFORE
    logged = list(islice(lines.about(words, since=since), MAX_LINES + 1))
    is_all_of_log = len(logged) <= MAX_LINES and len(known.traces) <= MAX_TRACES
    entries = sorted([*known.entries, *letters, *logged[:MAX_LINES]], key=lambda each: each.at)
    is_complete = are_all and is_all_of_log and lines.is_complete
    return TimelineView(order_id=id_, entries=entries, is_complete=is_complete)


def _known(shop: Shop, order_id: str) -> _Known:
    _, order = shop.orders.get_for_staff(order_id)
    id_ = UUID(order.order_id)
    paid = shop.payments.of_subject(id_)
    payments = [each.id for each in paid]
    moments = [each.at for each in order.history]
    moments += [at for each in paid for at in (each.requested_at, each.changed_at)]
    moments += [each.at for each in order.refunds]
    moments += [at for each in order.returns for at in (each.requested_at, each.ended_at) if at]
    events, acts = shop.uow.read_together(
        sql.EVENTS_ABOUT(
            subjects=[id_, *payments],
            first_ids=[first_id_at(each - BEFORE) for each in moments],
            end_ids=[first_id_at(each + AFTER) for each in moments],
        ),
        sql.CHANGES_OF(subjects=[id_, *payments]),
    )
    notices = shop.shipping.notices_sent(id_)
    entries = [
        *(
            entry(each.at, "HISTORY", each.status, _reason(each), by=each.by)
            for each in order.history
        ),
        *map(event_entry, events),
        *(entry(at, "NOTICE", kind.value, "The delivery system has it") for kind, at in notices),
        *map(act_entry, acts),
    ]
    return _Known(order, entries, list(dict.fromkeys(row.trace_id for row in events)))


def _reason(step: OrderHistoryEntryView) -> str:
    # What buyers wrote is personal data: the order shows it, and a look at that is audited.
    return "" if step.by.startswith("user:") else step.reason
