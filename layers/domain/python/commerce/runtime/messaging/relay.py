"""The relay: moves events from the outbox to the bus.

A row is marked as published only after the bus took it. A relay that is killed in between publishes
it again; the consumers' claims make the second delivery harmless.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from commerce.runtime.db.connection import Database
from commerce.runtime.db.pipeline import Query, Row
from commerce.runtime.db.sql import sql
from commerce.runtime.db.unit_of_work import UnitOfWork
from commerce.runtime.deadline import Deadline
from commerce.runtime.messaging import quarantine
from commerce.runtime.messaging.bus import (
    FAULTS_OF_THE_EVENT,
    TOO_LARGE,
    Bus,
    Envelope,
    batches,
    is_too_large,
)
from commerce.shared import clock
from commerce.shared.errors import Busy
from commerce.shared.events import ENVELOPE, plain

CHUNK = 200  # rows locked while their events are put, in up to twenty calls or PUT_SECONDS
# No call to the bus begins later in a transaction. With the longest call (two tries, or a failing
# one and its events put alone) it is still far from idle_in_transaction_session_timeout, 15 s; and
# a relay that waits for its turn gets it within its lock time-out.
PUT_SECONDS = 2
RUN_SECONDS = 40  # a run ends before its function's time-out would undo a chunk
REFUSALS = 5  # of one event, while the bus takes others; then it is quarantined
_ONE_RELAY = 7_235_119_001  # the advisory lock's key, an arbitrary number
# Reported per entry, but it means that the bus is throttling: other events would be refused too.
_THROTTLED = frozenset({"ThrottlingException", "InternalFailure", "InternalException"})

# Two relays must not publish events of one aggregate at once: they take turns, a chunk each.
_TAKE_TURNS = Query("SELECT pg_advisory_xact_lock($1)", [_ONE_RELAY])
logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Relayed:
    """The result of one run. Refused events, and those waiting for them, stay in the outbox."""

    published: int = 0
    refused: int = 0
    quarantined: int = 0


@dataclass(frozen=True, slots=True)
class Waiting:
    """Unpublished events in the outbox (counted up to MAX_COUNTED), and events in quarantine."""

    count: int
    oldest: datetime | None
    quarantined: int = 0

    def age_seconds(self, now: datetime) -> float:
        """Return how long the oldest event has been waiting."""
        return max(0.0, (now - self.oldest).total_seconds()) if self.oldest else 0.0


@dataclass(slots=True)
class _Outcome:
    """The result of one chunk; events are named by their positions in the outbox."""

    last: int | None = None
    taken: list[int] = field(default_factory=list)
    faulty: list[Row] = field(default_factory=list)
    quarantined: dict[int, str] = field(default_factory=dict)
    refused: int = 0
    bus_fails: bool = False  # nothing was taken from a batch
    bus_throttles: bool = False

    @property
    def ends_the_run(self) -> bool:
        """True where the outbox is empty or the bus needs a rest."""
        return self.last is None or self.bus_fails or self.bus_throttles


class Relay:
    """Empties the outbox, chunk by chunk, until it is empty or the bus fails."""

    def __init__(self, database: Database, bus: Bus) -> None:
        self._database = database
        self._bus = bus

    def run(self, max_chunks: int = 1000, max_seconds: float = RUN_SECONDS) -> Relayed:
        """Publish the waiting events; refused ones stay for the next run.

        Relays that run at the same time take turns. A run that does not get its turn within the
        lock time-out ends and leaves the rest to the other one.
        """
        done = Relayed()
        run = _Run(self._bus, Deadline.within(max_seconds))
        try:
            for _ in range(max_chunks):
                outcome = self._one_chunk(run, done)
                if outcome.ends_the_run or run.is_over:
                    break
        except Busy:
            logger.info("another relay is running")
        return done

    def waiting(self) -> Waiting:
        """Count the events that are not published, and those in quarantine."""
        row = UnitOfWork(self._database).read(sql.WAITING())[0]
        return Waiting(row.count, row.oldest, row.quarantined)

    def list_waiting(self, limit: int) -> Sequence[Row]:
        """Return the events that are not published, oldest first, with their refusals."""
        return UnitOfWork(self._database).read(sql.LIST_WAITING(limit=limit))

    def _one_chunk(self, run: "_Run", done: Relayed) -> _Outcome:
        with UnitOfWork(self._database) as uow:
            rows = uow.lock(_TAKE_TURNS, sql.TAKE(after=run.after, limit=CHUNK))
            outcome = run.put(rows)
            if outcome.taken:
                uow.write(sql.MARK(positions=outcome.taken, published_at=clock.now()))
            if outcome.quarantined:
                uow.write(quarantine.move(outcome.quarantined))
            if outcome.faulty:
                positions = [row.position for row in outcome.faulty]
                uow.write(sql.COUNT_REFUSAL(positions=positions))
            if outcome.taken or outcome.quarantined or outcome.faulty:
                uow.commit()
        done.published += len(outcome.taken)
        done.refused += outcome.refused
        done.quarantined += len(outcome.quarantined)
        return outcome


class _Run:
    """The state of one run, over its chunks."""

    def __init__(self, bus: Bus, deadline: Deadline) -> None:
        self.after = 0
        self._bus = bus
        self._deadline = deadline
        self._blocked_aggregates: set[Any] = set()
        self._bus_works = False

    @property
    def is_over(self) -> bool:
        """True once the run's time is over."""
        return self._deadline.is_over

    def put(self, rows: Sequence[Row]) -> _Outcome:
        """Put a chunk on the bus, until a batch fails as a whole or PUT_SECONDS are over."""
        ends_at = time.monotonic() + PUT_SECONDS
        outcome = _Outcome(last=rows[-1].position if rows else None)
        by_id = {str(row.id): row for row in rows}
        envelopes = [_envelope(row) for row in rows]
        for envelope in filter(is_too_large, envelopes):
            outcome.quarantined[by_id[envelope["id"]].position] = TOO_LARGE
        for batch in batches([each for each in envelopes if not is_too_large(each)]):
            # An aggregate's later events wait for an earlier one that the bus refused.
            unblocked = [e for e in batch if e["aggregate_id"] not in self._blocked_aggregates]
            self._put_batch(unblocked, by_id, outcome)
            if outcome.bus_fails or self.is_over:
                break  # the next run tries again
            if time.monotonic() > ends_at:  # the next chunk begins with the rest
                last = outcome.last = by_id[batch[-1]["id"]].position
                rows = [row for row in rows if row.position <= last]
                outcome.quarantined = {at: w for at, w in outcome.quarantined.items() if at <= last}
                break
        self._decide_on_faulty(outcome)
        for id_, row in by_id.items():
            if (cause := outcome.quarantined.get(row.position)) is not None:
                logger.error("event %s is quarantined: %s", id_, cause)
        outcome.refused = len(rows) - len(outcome.taken) - len(outcome.quarantined)
        if outcome.refused and outcome.last is not None:
            self.after = outcome.last
        return outcome

    def _put_batch(
        self, batch: Sequence[Envelope], by_id: dict[str, Row], outcome: _Outcome
    ) -> None:
        if not batch:
            return
        try:
            answers = self._bus.put(batch)
        except Exception as error:  # noqa: BLE001  (any failure of the client: nothing was taken)
            answers = [type(error).__name__] * len(batch)
            outcome.bus_fails = True
        for envelope, refusal in zip(batch, answers, strict=True):
            row = by_id[envelope["id"]]
            if refusal is None:
                outcome.taken.append(row.position)
                logger.info("event published", extra=_log_fields(envelope))
                continue
            logger.warning("the bus refused event %s: %s", envelope["id"], refusal)
            self._blocked_aggregates.add(envelope["aggregate_id"])
            if refusal in _THROTTLED:
                outcome.bus_throttles = True
            if refusal in FAULTS_OF_THE_EVENT:
                outcome.faulty.append(row)
                if row.refusals + 1 >= REFUSALS:
                    outcome.quarantined[row.position] = refusal
        outcome.bus_fails = outcome.bus_fails or all(each in _THROTTLED for each in answers)

    def _decide_on_faulty(self, outcome: _Outcome) -> None:
        """Blame events only while the bus takes others; else its configuration may be wrong."""
        self._bus_works = self._bus_works or bool(outcome.taken)
        if not self._bus_works:
            outcome.faulty.clear()
            too_large = {at: why for at, why in outcome.quarantined.items() if why == TOO_LARGE}
            outcome.quarantined = too_large
        outcome.faulty = [row for row in outcome.faulty if row.position not in outcome.quarantined]


def _log_fields(envelope: Envelope) -> dict[str, str]:
    return {
        "correlation_id": envelope["trace_id"],
        "event_id": envelope["id"],
        "event_type": envelope["type"],
    }


def _envelope(row: Row) -> dict[str, Any]:
    return {name: plain(getattr(row, name)) for name in ENVELOPE}
