"""One transaction: reads decide, writes are collected, commit sends them as one batch.

A use case that can decide before it writes takes no lock of its own: it reads, the model decides,
and the write set proves the decision at the database (constraints and guards). One that must read
under a lock calls `lock`; then everything up to the commit is one explicit transaction.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Self, TypeAlias

from commerce.runtime.db import outbox
from commerce.runtime.db.connection import (
    BEGIN,
    COMMIT,
    ROLLBACK,
    ConstraintViolated,
    Contention,
    Database,
)
from commerce.runtime.db.pipeline import Query, Row
from commerce.shared.errors import CommerceError
from commerce.shared.events import Event

logger = logging.getLogger(__name__)

ErrorFactory: TypeAlias = Callable[[], CommerceError | None]
"""Says, after the rollback, why a rule refused; None where a fresh look finds nothing wrong."""


class UnitOfWork:
    """Leaving the `with` block without `commit()` rolls back."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._in_transaction = False
        self._has_new_events = False
        self._forget()

    def _forget(self) -> None:
        self._claims: list[Query] = []
        self._writes: list[Query] = []
        self._returning_events: list[Query] = []
        self._last_writes: list[Query] = []
        self._preferred: tuple[Sequence[Query], str] | None = None
        self._events: list[Event] = []
        self._on_violation: dict[str, ErrorFactory] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.rollback()

    @property
    def has_new_events(self) -> bool:
        """Whether what was committed left events in the outbox."""
        return self._has_new_events

    def read(self, query: Query) -> list[Row]:
        """Rows as committed now (or, after `lock`, as this transaction sees them)."""
        return self._run([query])[0]

    def read_together(self, *queries: Query) -> list[list[Row]]:
        """Several reads in one round trip."""
        return self._run(queries)

    def lock(self, *queries: Query) -> list[Row]:
        """Read rows FOR UPDATE; they stay locked until commit or rollback. Returns the last's rows.

        Opens the transaction in the same round trip. Lock in the one global order:
        order, coupon, points, stock.
        """
        return self.lock_together(*queries)[-1]

    def lock_together(self, *queries: Query) -> list[list[Row]]:
        """The same with the rows of each: what follows a lock is as its last holder left it."""
        if self._in_transaction:
            return self._run(queries)
        self._in_transaction = True
        return self._database.run([BEGIN, *queries])[1:]

    def claim(self, query: Query, on_violation: Mapping[str, ErrorFactory]) -> None:
        """Collect a write that goes first: whoever repeats us must wait here, before any lock."""
        self._claims.append(query)
        self._on_violation.update(on_violation)

    def write(self, query: Query, on_violation: Mapping[str, ErrorFactory] | None = None) -> None:
        """Collect a write. `refusals` turns a violated constraint or guard into its reason."""
        self._writes.append(query)
        self._on_violation.update(on_violation or {})

    def write_returning_events(
        self, query: Query, on_violation: Mapping[str, ErrorFactory] | None = None
    ) -> None:
        """Collect a write that knows alone whether there is an event to tell: a row per event."""
        self._returning_events.append(query)
        self._on_violation.update(on_violation or {})

    def write_last(self, *queries: Query, on_violation: Mapping[str, ErrorFactory]) -> None:
        """Collect writes on rows that many want: they go last, so that their locks are shortest."""
        self._last_writes.extend(queries)
        self._on_violation.update(on_violation)

    def with_fallback(self, *queries: Query, unless: str) -> None:
        """What to send in the place of the contended writes, if it works out: their faster way.

        Where the rule `unless` is broken all is undone, and sent anew with the contended writes:
        one round trip more, with no lock held in between. After `lock` there is no way but theirs.
        """
        self._preferred = queries, unless

    def record(self, *events: Event) -> None:
        """Store events in the transaction that causes them: all of it is committed, or nothing."""
        self._events.extend(events)

    def commit(self) -> None:
        """Send all writes in one round trip and commit them.

        Raises the reason a rule gives for its refusal, Contention where the decision was outdated
        or lost a race, Busy where a lock was not had in time.
        """
        told = [outbox.store(self._events)] if self._events else []
        before = [*self._claims, *self._writes, *told]
        collected = [*before, *self._returning_events]
        if not (collected or self._last_writes or self._in_transaction):
            return
        try:
            found = self._send(collected)
        except ConstraintViolated as violated:
            self.rollback()
            raise self._reason(violated) from violated
        self._in_transaction = False
        events = found[len(before) :][: len(self._returning_events)]
        self._has_new_events |= bool(self._events or self._last_writes or any(events))
        self._forget()

    def _send(self, collected: Sequence[Query]) -> list[list[Row]]:
        if self._in_transaction:
            return self._run([*collected, *self._last_writes, COMMIT])
        if self._preferred is not None:
            queries, unless = self._preferred
            try:
                return self._run([*collected, *queries])
            except ConstraintViolated as violated:
                if violated.name != unless:
                    raise
        return self._run([*collected, *self._last_writes])

    def rollback(self) -> None:
        """Undo what is not committed, and let go of every lock. Never fails."""
        if self._in_transaction:
            self._in_transaction = False
            if self._database.is_open:  # a connection that broke took its transaction with it
                self._roll_back()

    def _roll_back(self) -> None:
        try:
            self._database.run([ROLLBACK], in_transaction=True)
        except Exception:
            # Kept, the connection would refuse whatever comes next: its transaction is aborted.
            logger.warning("a rollback failed; its connection ends it", exc_info=True)
            self._database.close()

    def _run(self, queries: Sequence[Query]) -> list[list[Row]]:
        return self._database.run(queries, in_transaction=self._in_transaction)

    def _reason(self, violated: ConstraintViolated) -> Exception:
        explain = self._on_violation.get(violated.name)
        if explain is None:
            return violated
        return explain() or Contention(f"{violated.name} holds again")
