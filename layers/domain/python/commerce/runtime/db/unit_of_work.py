"""The unit of work: reads decide, writes are collected, commit sends them as one batch.

A use case that can decide before it writes takes no lock of its own: it reads, the model decides,
and constraints and guards prove the decision when the writes are committed. A use case that must
read under a lock calls `lock`; from then on, everything up to the commit is one transaction.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeAlias

from commerce.runtime.db import outbox
from commerce.runtime.db.connection import (
    BEGIN,
    BEGIN_SNAPSHOT,
    COMMIT,
    ROLLBACK,
    ConstraintViolated,
    Contention,
    Database,
)
from commerce.runtime.db.pipeline import Query, Row
from commerce.runtime.tokens import SessionEnded
from commerce.shared.errors import CommerceError
from commerce.shared.events import Event

logger = logging.getLogger(__name__)

NOT_ERASED = "user_not_erased"
"""The rule of the triggers of migration 0022: nothing new is stored for an erased user."""

ErrorFactory: TypeAlias = Callable[[], CommerceError | None]
"""Makes the error for a violated rule, after the rollback.

None says that a fresh read finds the rule satisfied again; the commit then raises Contention.
"""
OnViolation: TypeAlias = Mapping[str, ErrorFactory]
"""The error factories, by the name of the constraint or guard that is violated."""


@dataclass(slots=True)
class Precondition:
    """A condition for anything else: it is checked by the first batch that is sent.

    Several units of work may share it; once it is met, it is not checked again.
    """

    query: Query
    rule: str
    on_violation: ErrorFactory
    is_met: bool = False


@dataclass(frozen=True, slots=True)
class ClaimFirst:
    """The claim of work that takes effect once, looked for, or made, before anything else.

    `find` is sent with the first read and `found` raises if it has rows; `insert` is sent with the
    first lock, so that a repeated request waits for the claim and for nothing else.
    """

    find: Query
    found: Callable[[Sequence[Row]], None]
    insert: Query
    on_violation: OnViolation


class UnitOfWork:
    """One transaction; leaving the `with` block without `commit()` rolls it back.

    commit() sends the collected writes in this order: claims, writes, events, writes that return
    events, last writes, checks. Each kind keeps the order in which it was collected.
    """

    def __init__(self, database: Database, precondition: Precondition | None = None) -> None:
        self._database = database
        self._precondition = precondition
        self._claim_first: ClaimFirst | None = None
        self._is_looked_for = False
        self._is_claimed = False
        self._ahead: list[tuple[Query, list[Row]]] = []
        self._in_transaction = False
        self._has_new_events = False
        self._reset()

    def _reset(self) -> None:
        self._claims: list[Query] = []
        self._writes: list[Query] = []
        self._events: list[Event] = []
        self._returning_events: list[Query] = []
        self._last_writes: list[Query] = []
        self._checks: list[Query] = []
        self._preferred: tuple[Sequence[Query], str] | None = None
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
        """True where a commit may have left events in the outbox."""
        return self._has_new_events

    @property
    def is_claimed(self) -> bool:
        """True where the claim of `claim_first` was made, in this transaction."""
        return self._is_claimed

    def claim_first(self, claim: ClaimFirst) -> None:
        """Begin with this claim: see ClaimFirst."""
        self._claim_first = claim

    def read_ahead(self, *queries: Query) -> None:
        """Run several reads in one round trip, and keep the rows of each for its first `read`.

        A lock discards what was not read by then: it would be older than the lock.
        """
        self._ahead += zip(queries, self._read(queries), strict=True)

    def lock_ahead(self, *queries: Query) -> None:
        """Lock in one round trip, and keep the rows of each query for its first `lock` or `read`.

        They run in this order. Another lock discards what was not read by then.
        """
        self._ahead = list(zip(queries, self.lock_together(*queries), strict=True))

    def read(self, query: Query) -> list[Row]:
        """Read rows as they are committed now; after `lock`, as this transaction sees them."""
        return self.read_together(query)[0]

    def read_together(self, *queries: Query) -> list[list[Row]]:
        """Run several reads in one round trip; return the rows of each."""
        known = [self._taken_from_ahead(query) for query in queries]
        unknown = [query for query, rows in zip(queries, known, strict=True) if rows is None]
        fresh = iter(self._read(unknown) if unknown or not queries else [])
        return [next(fresh) if rows is None else rows for rows in known]

    def read_snapshot(self, *queries: Query) -> list[list[Row]]:
        """Run several reads in one round trip, all of which see the database at the same moment.

        They are a transaction of their own, and so cannot follow a lock.
        """
        if self._in_transaction:
            raise RuntimeError("these reads would end the transaction that holds locks")
        self._in_transaction = True  # an error leaves it open until the rollback
        rows = self._run([BEGIN_SNAPSHOT, *queries, COMMIT], in_transaction=False)
        self._in_transaction = False
        return rows[1:-1]

    def lock(self, *queries: Query) -> list[Row]:
        """Run reads with FOR UPDATE; their rows stay locked until commit or rollback.

        The first call opens the transaction, in the same round trip. Lock in the one global order:
        order, coupon, points, stock.

        Returns:
            The rows of the last query.
        """
        return self.lock_together(*queries)[-1]

    def lock_together(self, *queries: Query) -> list[list[Row]]:
        """Lock as `lock` does, and return the rows of each query."""
        if self._in_transaction:
            known = [rows for each in queries if (rows := self._taken_from_ahead(each)) is not None]
            if len(known) == len(queries):
                return known
        self._ahead.clear()
        if self._in_transaction:
            return self._run(queries)
        self._in_transaction = True
        if self._claim_first is not None:
            return self._lock_after(self._claim_first, queries)
        return self._run([BEGIN, *queries], in_transaction=False)[1:]

    def claim(self, query: Query, on_violation: OnViolation) -> None:
        """Collect an INSERT that is sent first, so that a repeated request waits here, unlocked."""
        self._claims.append(query)
        self._on_violation.update(on_violation)

    def write(self, query: Query, on_violation: OnViolation | None = None) -> None:
        """Collect a write; `on_violation` makes the errors of the rules that it can violate."""
        self._writes.append(query)
        self._on_violation.update(on_violation or {})

    def write_returning_events(self, query: Query, on_violation: OnViolation | None = None) -> None:
        """Collect a write that stores its events itself, as only the database can decide on them.

        Args:
            query: returns one row per event that it stored, and so none without an event.
            on_violation: makes the errors of the rules that the query can violate.
        """
        self._returning_events.append(query)
        self._on_violation.update(on_violation or {})

    def write_last(self, *queries: Query, on_violation: OnViolation) -> None:
        """Collect writes on contended rows: sent last, they hold their locks for the COMMIT only.

        Args:
            queries: the statements, which may store events themselves.
            on_violation: makes the errors of the rules that they can violate.
        """
        self._last_writes.extend(queries)
        self._on_violation.update(on_violation)

    def check_last(self, query: Query, on_violation: OnViolation) -> None:
        """Collect a check of what others may have committed until all locks were granted.

        It is sent after the last writes, or after what is sent in their place.
        """
        self._checks.append(query)
        self._on_violation.update(on_violation)

    def with_fallback(self, *queries: Query, unless: str) -> None:
        """Send cheaper statements in place of the last writes, which become their fallback.

        Args:
            queries: the statements to try first. They are ignored after `lock`, because a
                transaction that holds locks is not sent twice.
            unless: the rule whose violation undoes the batch and sends it again with the last
                writes: one more round trip, with no lock held in between.
        """
        self._preferred = queries, unless

    def record(self, *events: Event) -> None:
        """Collect events, stored in the outbox by the transaction that causes them."""
        self._events.extend(events)

    def commit(self) -> None:
        """Send all collected writes in one round trip and commit them, all or nothing.

        Raises:
            CommerceError: the error that a violated rule's factory makes.
            ConstraintViolated: a rule without a factory was violated.
            Contention: the decision was outdated, or the transaction lost a race.
            Busy: a lock was not granted in time.
        """
        stored = [outbox.store(self._events)] if self._events else []
        before = [*self._claims, *self._writes, *stored]
        writes = [*before, *self._returning_events]
        if not (writes or self._last_writes or self._checks or self._in_transaction):
            return
        try:
            rows = self._send(writes)
        except ConstraintViolated as violated:
            self.rollback()
            raise self._error_of(violated) from violated
        events_by_query = rows[len(before) : len(writes)]
        self._has_new_events |= bool(self._events or self._last_writes or any(events_by_query))
        self._in_transaction = False
        self._reset()

    def _send(self, writes: Sequence[Query]) -> list[list[Row]]:
        if self._in_transaction:
            return self._run([*writes, *self._last_writes, *self._checks, COMMIT])
        if self._preferred is not None:
            queries, unless = self._preferred
            try:
                return self._run([*writes, *queries, *self._checks])
            except ConstraintViolated as violated:
                if violated.name != unless:
                    raise
        return self._run([*writes, *self._last_writes, *self._checks])

    def _read(self, queries: Sequence[Query]) -> list[list[Row]]:
        claim = self._claim_first
        if claim is None or self._is_looked_for or self._in_transaction or not queries:
            return self._run(queries)
        self._is_looked_for = True
        found, *rows = self._run([claim.find, *queries])
        claim.found(found)
        return rows

    def _taken_from_ahead(self, query: Query) -> list[Row] | None:
        for place, (read, rows) in enumerate(self._ahead):
            if read == query:
                del self._ahead[place]
                return rows
        return None

    def _lock_after(self, claim: ClaimFirst, queries: Sequence[Query]) -> list[list[Row]]:
        try:
            rows = self._run([BEGIN, claim.insert, *queries], in_transaction=False)
        except ConstraintViolated as violated:
            if violated.name not in claim.on_violation:
                raise
            self.rollback()
            raise claim.on_violation[violated.name]() or violated from violated
        self._is_claimed = True
        return rows[2:]

    def rollback(self) -> None:
        """Undo what is not committed and release every lock. Never fails."""
        self._ahead.clear()
        if self._in_transaction:
            self._in_transaction = self._is_claimed = False
            if self._database.is_open:  # a broken connection took its transaction with it
                self._roll_back()

    def _roll_back(self) -> None:
        try:
            self._database.run([ROLLBACK], in_transaction=True)
        except Exception:
            # The aborted transaction would make the connection refuse everything that follows.
            logger.warning("the rollback failed; closing the connection", exc_info=True)
            self._database.close()

    def _run(
        self, queries: Sequence[Query], *, in_transaction: bool | None = None
    ) -> list[list[Row]]:
        if in_transaction is None:
            in_transaction = self._in_transaction
        first = self._precondition
        if first is None or first.is_met:
            return self._send_batch(queries, in_transaction=in_transaction)
        start = int(bool(queries) and queries[0] in (BEGIN, BEGIN_SNAPSHOT))
        batch = [*queries[:start], first.query, *queries[start:]]
        try:
            rows = self._send_batch(batch, in_transaction=in_transaction)
        except ConstraintViolated as violated:
            if violated.name != first.rule:
                raise
            self.rollback()
            raise first.on_violation() or Contention(f"{first.rule} is satisfied again") from None
        first.is_met = True
        del rows[start]
        return rows

    def _send_batch(self, queries: Sequence[Query], *, in_transaction: bool) -> list[list[Row]]:
        try:
            return self._database.run(queries, in_transaction=in_transaction)
        except ConstraintViolated as violated:
            if violated.name != NOT_ERASED:
                raise
            self.rollback()
            raise SessionEnded from violated

    def _error_of(self, violated: ConstraintViolated) -> Exception:
        make_error = self._on_violation.get(violated.name)
        if make_error is None:
            return violated
        return make_error() or Contention(f"{violated.name} is satisfied again")
