"""The outbox: events are stored in the transaction that caused them, until they are published."""

from collections.abc import Sequence
from datetime import timedelta

from commerce.runtime.db.pipeline import Query
from commerce.runtime.db.sql import sql
from commerce.shared.events import Event

KEPT_FOR = timedelta(days=7)
"""So long a published event stays in the outbox (spec §7.1)."""


def store(events: Sequence[Event]) -> Query:
    """Build the statement that stores the events in the outbox, in order."""
    return sql.ADD_EVENTS(rows=[event.envelope() for event in events])
