"""The outbox: events wait here, in the transaction that caused them, until the bus has them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from commerce.runtime.db.pipeline import Query
from commerce.runtime.db.statement import precompiled
from commerce.shared.events import Event

if TYPE_CHECKING:
    from commerce.runtime.db import statements as sql
else:
    sql = precompiled("commerce.runtime.db.statements")


def store(events: Sequence[Event]) -> Query:
    """The statement that puts the events into the outbox, in their order."""
    return sql.ADD_EVENTS(rows=[event.envelope() for event in events])
