"""The entries of timelines: events, acts and lines of the log, each with its time."""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import Field

from commerce.runtime import settings
from commerce.runtime.aws import client
from commerce.runtime.db.pipeline import Row
from commerce.runtime.deadline import Deadline
from commerce.shared.schemas import Timestamp, View, one_of

KINDS = ("HISTORY", "EVENT", "NOTICE", "ACT", "DEAD_LETTER", "LOG")


class TimelineEntryView(View):
    """Something that happened to an order or around it. What does not apply is empty."""

    at: Timestamp
    kind: Annotated[str, one_of(KINDS)]
    what: str = Field(description="A status, a type of event, a kind of notice, an act, a message")
    detail: str = Field(description="The reason or cause")
    by: str = Field(description="Who did it, a dead letter's queue, or the function that wrote it")
    id: str = Field(description="Of the event or message")
    trace_id: str


def event_entry(row: Row) -> TimelineEntryView:
    """Describe a row of the outbox."""
    state = "published" if row.published_at else "waits for the bus"
    return entry(row.occurred_at, "EVENT", row.type, state, id=str(row.id), trace_id=row.trace_id)


def act_entry(row: Row) -> TimelineEntryView:
    """Describe a row of an audit."""
    reason = str(row.after.get("reason", ""))
    return entry(row.at, "ACT", row.action, reason, by=row.by, trace_id=row.trace_id)


def entry(at: datetime, kind: str, what: str, detail: str = "", **more: str) -> TimelineEntryView:
    """Make an entry; what is not given is empty."""
    given = {"by": "", "id": "", "trace_id": "", **more}
    return TimelineEntryView(at=at, kind=kind, what=what, detail=detail, **given)


class Log:
    """The log of all functions, searched for lines with given words until the deadline."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        self.is_complete = True

    def about(
        self, words: Iterable[str], *, since: datetime, until: datetime | None = None
    ) -> Iterator[TimelineEntryView]:
        """Find the lines, each once; stops where the time runs out or the log cannot be read."""
        seen = set[str]()
        span = {"startTime": _milliseconds(since)}
        if until is not None:
            span["endTime"] = _milliseconds(until) - 1  # CloudWatch's end is part of the span
        try:
            for event in self._found(words, span):
                if event["eventId"] not in seen:
                    seen.add(event["eventId"])
                    yield _line(event)
        except (ClientError, BotoCoreError):
            self.is_complete = False

    def _found(self, words: Iterable[str], span: dict[str, int]) -> Iterator[Any]:
        logs: Any = client("logs", attempts=1)
        for word in words:
            for page in logs.get_paginator("filter_log_events").paginate(
                logGroupName=settings.text("LOG_GROUP_NAME"),
                filterPattern=f'"{word}"',
                **span,
            ):
                yield from page["events"]
                if self._deadline.is_over:
                    self.is_complete = False
                    return


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _line(event: Any) -> TimelineEntryView:
    at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
    try:
        line = json.loads(event["message"])
        what, thrown = str(line["message"]), str(line.get("exception", ""))
    except (ValueError, KeyError, TypeError):  # what a runtime or a library wrote
        return entry(at, "LOG", str(event["message"])[:500])
    cause = thrown.strip().splitlines()[-1] if thrown.strip() else ""
    by, trace = str(line.get("function_name", "")), str(line.get("correlation_id", ""))
    return entry(at, "LOG", what[:500], cause[:500], by=by, trace_id=trace)
