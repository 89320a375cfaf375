"""The timeline of an order: all that is known of it and around it, oldest first."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import Field

from commerce.app.operations.dead_letters import dead_letters_about
from commerce.app.shop import Shop
from commerce.app.transactions import in_transaction
from commerce.order import OrderDetailView, OrderHistoryEntryView
from commerce.runtime import settings
from commerce.runtime.aws import client
from commerce.runtime.db.pipeline import Row
from commerce.runtime.db.statement import precompiled
from commerce.runtime.deadline import Deadline
from commerce.shared.clock import first_id_at
from commerce.shared.schemas import Timestamp, View, one_of

if TYPE_CHECKING:
    from commerce.app.operations import statements as sql
else:
    sql = precompiled("commerce.app.operations.statements")

KINDS = ("HISTORY", "EVENT", "NOTICE", "ACT", "DEAD_LETTER", "LOG")
SEARCH_SECONDS = 10.0  # of queues, and then of the log; API Gateway waits for 29 s
MAX_LINES = 100  # of the log
MAX_TRACES = 5  # that are searched for in the log
# Ids of events are made at their time, so those around known moments are ranges of ids.
BEFORE, AFTER = timedelta(seconds=10), timedelta(seconds=10)


class TimelineEntryView(View):
    """Something that happened to an order or around it. What does not apply is empty."""

    at: Timestamp
    kind: Annotated[str, one_of(KINDS)]
    what: str = Field(description="A status, a type of event, a kind of notice, an act, a message")
    detail: str = Field(description="The reason or cause")
    by: str = Field(description="Who did it, a dead letter's queue, or the function that wrote it")
    id: str = Field(description="Of the event or message")
    trace_id: str


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
        _entry(each.occurred_at, "DEAD_LETTER", each.kind, each.cause, by=queue, id=each.id)
        for queue, each in found
    ]
    lines = _Log(known.order.placed_at)
    logged = list(islice(lines.about([id_, *known.traces[:MAX_TRACES]]), MAX_LINES + 1))
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
            _entry(each.at, "HISTORY", each.status, _reason(each), by=each.by)
            for each in order.history
        ),
        *map(_event, events),
        *(_entry(at, "NOTICE", kind.value, "The delivery system has it") for kind, at in notices),
        *map(_act, acts),
    ]
    return _Known(order, entries, list(dict.fromkeys(row.trace_id for row in events)))


def _reason(entry: OrderHistoryEntryView) -> str:
    # What buyers wrote is personal data: the order shows it, and a look at that is audited.
    return "" if entry.by.startswith("user:") else entry.reason


def _event(row: Row) -> TimelineEntryView:
    state = "published" if row.published_at else "waits for the bus"
    return _entry(row.occurred_at, "EVENT", row.type, state, id=str(row.id), trace_id=row.trace_id)


def _act(row: Row) -> TimelineEntryView:
    reason = str(row.after.get("reason", ""))
    return _entry(row.at, "ACT", row.action, reason, by=row.by, trace_id=row.trace_id)


def _entry(at: datetime, kind: str, what: str, detail: str = "", **more: str) -> TimelineEntryView:
    given = {"by": "", "id": "", "trace_id": "", **more}
    return TimelineEntryView(at=at, kind=kind, what=what, detail=detail, **given)


class _Log:
    """The log of all functions, searched for lines with given words since an order was placed."""

    def __init__(self, since: datetime) -> None:
        self._since = int((since - BEFORE).timestamp() * 1000)
        self._deadline = Deadline.within(SEARCH_SECONDS)
        self.is_complete = True

    def about(self, words: Iterable[str]) -> Iterator[TimelineEntryView]:
        """Find the lines, each once; stops where the time runs out or the log cannot be read."""
        seen = set[str]()
        try:
            for event in self._found(words):
                if event["eventId"] not in seen:
                    seen.add(event["eventId"])
                    yield _line(event)
        except (ClientError, BotoCoreError):
            self.is_complete = False

    def _found(self, words: Iterable[str]) -> Iterator[Any]:
        logs: Any = client("logs", attempts=1)
        for word in words:
            for page in logs.get_paginator("filter_log_events").paginate(
                logGroupName=settings.text("LOG_GROUP_NAME"),
                filterPattern=f'"{word}"',
                startTime=self._since,
            ):
                yield from page["events"]
                if self._deadline.is_over:
                    self.is_complete = False
                    return


def _line(event: Any) -> TimelineEntryView:
    at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
    try:
        line = json.loads(event["message"])
        what, thrown = str(line["message"]), str(line.get("exception", ""))
    except (ValueError, KeyError, TypeError):  # what a runtime or a library wrote
        return _entry(at, "LOG", str(event["message"])[:500])
    cause = thrown.strip().splitlines()[-1] if thrown.strip() else ""
    by, trace = str(line.get("function_name", "")), str(line.get("correlation_id", ""))
    return _entry(at, "LOG", what[:500], cause[:500], by=by, trace_id=trace)
