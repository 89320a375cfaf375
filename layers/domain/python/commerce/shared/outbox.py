"""The outbox: events wait here, in the transaction that caused them, until the bus has them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from commerce.shared.events import Event
from commerce.shared.statement import ahead
from commerce.shared.wire import Query

if TYPE_CHECKING:
    from commerce.shared import statements as sql
else:
    sql = ahead("commerce.shared.statements")

MAX_COUNTED = 1_000_000
"""More events waiting are not counted: the answer would only come later."""

ENVELOPE = (
    "id", "source", "type", "occurred_at", "aggregate_id", "aggregate_version", "trace_id", "data",
)  # fmt: skip


def store(events: Sequence[Event]) -> Query:
    """The statement that puts the events into the outbox, in their order."""
    return sql.ADD_EVENTS(rows=[event.envelope() for event in events])
