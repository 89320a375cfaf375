"""A trace: the log lines, acts and events of one request, and of what it caused."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice, pairwise
from typing import TYPE_CHECKING

from commerce.app.operations.timeline_entries import Log, TimelineEntryView, entry, event_entry
from commerce.app.shop import Shop
from commerce.app.transactions import in_transaction
from commerce.runtime.db.pipeline import Row
from commerce.runtime.db.statement import precompiled
from commerce.runtime.deadline import Deadline
from commerce.shared import clock
from commerce.shared.clock import first_id_at

if TYPE_CHECKING:
    from commerce.app.operations.finding import statements as sql
else:
    sql = precompiled("commerce.app.operations.finding.statements")

SEARCH_SECONDS = 10.0
MAX_LINES = 100
MAX_ACTS = 100
MAX_SPANS = 10
LOOKED_BACK = (timedelta(), timedelta(hours=1), timedelta(days=1), timedelta(days=30))
"""The log is searched in parts, the newest first, as most traces are of this hour."""
BEFORE, AFTER = timedelta(seconds=10), timedelta(seconds=10)


def trace(trace_id: str) -> tuple[list[TimelineEntryView], bool]:
    """Return what is known of a trace, oldest first, and whether all was searched and is shown."""
    log = Log(Deadline.within(SEARCH_SECONDS))
    lines = list(islice(_lines(log, trace_id), MAX_LINES + 1))
    is_complete = log.is_complete and len(lines) <= MAX_LINES
    acts = in_transaction(_acts, trace_id)
    known = [*lines[:MAX_LINES], *(_act(row, trace_id) for row in acts)]
    spans = _spans([each.at for each in known])
    events = in_transaction(_events, trace_id, spans[:MAX_SPANS]) if spans else []
    entries = sorted([*known, *map(event_entry, events)], key=lambda each: each.at)
    return entries, is_complete and len(spans) <= MAX_SPANS and len(acts) < MAX_ACTS


def _lines(log: Log, trace_id: str) -> Iterator[TimelineEntryView]:
    now = clock.now()
    for nearer, further in pairwise(LOOKED_BACK):
        until = None if not nearer else now - nearer
        yield from log.about([trace_id], since=now - further, until=until)
        if not log.is_complete:
            return


def _acts(shop: Shop, trace_id: str) -> Sequence[Row]:
    return shop.uow.read(sql.ACTS_OF_TRACE(trace_id=trace_id, limit=MAX_ACTS))


def _act(row: Row, trace_id: str) -> TimelineEntryView:
    return entry(row.at, "ACT", row.action, row.reason or "", by=row.by, trace_id=trace_id)


def _spans(moments: Iterable[datetime]) -> list[tuple[datetime, datetime]]:
    """Return the spans of time around the moments, of which none overlaps another."""
    spans: list[tuple[datetime, datetime]] = []
    for at in sorted(moments):
        if spans and at - BEFORE <= spans[-1][1]:
            spans[-1] = (spans[-1][0], at + AFTER)
        else:
            spans.append((at - BEFORE, at + AFTER))
    return spans


def _events(shop: Shop, trace_id: str, spans: Sequence[tuple[datetime, datetime]]) -> Sequence[Row]:
    return shop.uow.read(
        sql.EVENTS_OF_TRACE(
            trace_id=trace_id,
            first_ids=[first_id_at(first) for first, _ in spans],
            end_ids=[first_id_at(end) for _, end in spans],
        )
    )
