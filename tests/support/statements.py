"""Counts the statements and round trips that code sends to the database."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from commerce.runtime.db.connection import Database
from commerce.runtime.db.pipeline import Query, Row


@dataclass(slots=True)
class Sent:
    """The statements that were sent, one list per round trip."""

    trips: list[list[str]] = field(default_factory=list)

    @property
    def statements(self) -> list[str]:
        """All statements, in order."""
        return [sql for trip in self.trips for sql in trip]

    @property
    def count(self) -> int:
        """The number of statements."""
        return len(self.statements)


@contextmanager
def counted() -> Iterator[Sent]:
    """Record the statements of every `Database` of this process within the block."""
    sent = Sent()
    run = Database.run

    def counting(
        self: Database, queries: Sequence[Query], *, in_transaction: bool = False
    ) -> list[list[Row]]:
        sent.trips.append([query.sql for query in queries])
        return run(self, queries, in_transaction=in_transaction)

    Database.run = counting  # type: ignore[method-assign]
    try:
        yield sent
    finally:
        Database.run = run  # type: ignore[method-assign]
