"""The relay: moves events from the outbox to the bus.

A row is marked only when the bus took it: killed in between, the relay puts it once more, and the
consumers' claims make the second time harmless.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from commerce.runtime.db.connection import Database
from commerce.runtime.db.pipeline import Query, Row
from commerce.runtime.db.statement import precompiled
from commerce.runtime.db.unit_of_work import UnitOfWork
from commerce.runtime.messaging import quarantine as set_aside
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
from commerce.shared.events import ENVELOPE

if TYPE_CHECKING:
    from commerce.runtime.db import statements as sql
else:
    sql = precompiled("commerce.runtime.db.statements")

CHUNK = 200  # rows held locked while their events are put: twenty calls
RUN_SECONDS = 40  # a run ends of itself, before its function's time-out would undo a chunk
REFUSALS = 5  # of one event, while the bus takes others: then it is set aside
_ONE_RELAY = 7_235_119_001  # any number of our own: the advisory lock's key
# Said of one event, and yet of the bus: it is short of breath, others would fare no better.
_OUT_OF_BREATH = frozenset({"ThrottlingException", "InternalFailure", "InternalException"})

# Rows of one aggregate must not be split over two relays at work: they take turns, a chunk each.
_TAKE_TURNS = Query("SELECT pg_advisory_xact_lock($1)", [_ONE_RELAY])
logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Relayed:
    """What one run did. What was refused, or waits for what was refused, stays in the outbox."""

    published: int = 0
    refused: int = 0
    set_aside: int = 0


@dataclass(frozen=True, slots=True)
class Waiting:
    """What the outbox holds (counted up to MAX_COUNTED), and how many events were set aside."""

    count: int
    oldest: datetime | None
    set_aside: int = 0

    def age_seconds(self, now: datetime) -> float:
        """How long the oldest event has been waiting."""
        return max(0.0, (now - self.oldest).total_seconds()) if self.oldest else 0.0


@dataclass(slots=True)
class _Outcome:
    """What became of one chunk."""

    last: int | None = None
    taken: list[int] = field(default_factory=list)
    faulty: list[Row] = field(default_factory=list)
    set_aside: dict[int, str] = field(default_factory=dict)
    refused: int = 0
    bus_fails: bool = False  # it takes nothing at all now
    bus_struggles: bool = False

    @property
    def is_the_last(self) -> bool:
        """Whether this run should end with it."""
        return self.last is None or self.bus_fails or self.bus_struggles


class Relay:
    """Empties the outbox, chunk by chunk, until it is empty or the bus fails."""

    def __init__(self, database: Database, bus: Bus) -> None:
        self._database = database
        self._bus = bus

    def run(self, max_chunks: int = 1000, max_seconds: float = RUN_SECONDS) -> Relayed:
        """Publish what waits. What the bus refuses stays, and is tried by the next run.

        A relay at work goes on until it finds nothing more or its time is over; whoever does not
        get its turn within the lock time-out leaves the rest to it.
        """
        done = Relayed()
        run = _Run(self._bus, time.monotonic() + max_seconds)
        try:
            for _ in range(max_chunks):
                outcome = self._one_chunk(run, done)
                if outcome.is_the_last or run.is_over:
                    break
        except Busy:
            logger.info("another relay is at work")
        return done

    def waiting(self) -> Waiting:
        """How many events wait, since when, and how many were set aside."""
        row = UnitOfWork(self._database).read(sql.WAITING())[0]
        return Waiting(row.count, row.oldest, row.set_aside)

    def _one_chunk(self, run: "_Run", done: Relayed) -> _Outcome:
        with UnitOfWork(self._database) as uow:
            rows = uow.lock(_TAKE_TURNS, sql.TAKE(after=run.after, limit=CHUNK))
            outcome = run.put(rows)
            if outcome.taken:
                uow.write(sql.MARK(positions=outcome.taken, published_at=clock.now()))
            if outcome.set_aside:
                uow.write(set_aside.move(outcome.set_aside))
            if outcome.faulty:
                positions = [row.position for row in outcome.faulty]
                uow.write(sql.COUNT_REFUSAL(positions=positions))
            if outcome.taken or outcome.set_aside or outcome.faulty:
                uow.commit()
        done.published += len(outcome.taken)
        done.refused += outcome.refused
        done.set_aside += len(outcome.set_aside)
        return outcome


class _Run:
    """One run's dealings with the bus, over its chunks."""

    def __init__(self, bus: Bus, deadline: float) -> None:
        self.after = 0
        self._bus = bus
        self._deadline = deadline
        self._held_back: set[Any] = set()
        self._bus_works = False

    @property
    def is_over(self) -> bool:
        """Whether the run's time is over."""
        return time.monotonic() > self._deadline

    def put(self, rows: Sequence[Row]) -> _Outcome:
        """Put a chunk on the bus, up to the first sign that the bus fails."""
        outcome = _Outcome(last=rows[-1].position if rows else None)
        by_id = {str(row.id): row for row in rows}
        envelopes = [_envelope(row) for row in rows]
        for envelope in filter(is_too_large, envelopes):
            outcome.set_aside[by_id[envelope["id"]].position] = TOO_LARGE
        for batch in batches([each for each in envelopes if not is_too_large(each)]):
            # An aggregate's later events wait for the earlier one that the bus refused.
            going = [each for each in batch if each["aggregate_id"] not in self._held_back]
            self._put_batch(going, by_id, outcome)
            if outcome.bus_fails or self.is_over:
                break  # the next run tries again
        self._judge(outcome)
        outcome.refused = len(rows) - len(outcome.taken) - len(outcome.set_aside)
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
        except Exception as error:  # noqa: BLE001  (whatever the bus' client raises: not taken)
            answers = [type(error).__name__] * len(batch)
            outcome.bus_fails = True
        for envelope, refusal in zip(batch, answers, strict=True):
            row = by_id[envelope["id"]]
            if refusal is None:
                outcome.taken.append(row.position)
                logger.info("event on the bus", extra=_told(envelope))
                continue
            logger.warning("the bus refused event %s: %s", envelope["id"], refusal)
            self._held_back.add(envelope["aggregate_id"])
            if refusal in _OUT_OF_BREATH:
                outcome.bus_struggles = True
            if refusal in FAULTS_OF_THE_EVENT:
                outcome.faulty.append(row)
                if row.refusals + 1 >= REFUSALS:
                    outcome.set_aside[row.position] = refusal
        outcome.bus_fails = outcome.bus_fails or all(each in _OUT_OF_BREATH for each in answers)

    def _judge(self, outcome: _Outcome) -> None:
        """Only a bus that takes others says something about the event that it refuses.

        One that takes nothing is wrongly set up, or we are: everything stays where it is.
        """
        self._bus_works = self._bus_works or bool(outcome.taken)
        if not self._bus_works:
            outcome.faulty.clear()
            too_large = {at: why for at, why in outcome.set_aside.items() if why == TOO_LARGE}
            outcome.set_aside = too_large
        outcome.faulty = [row for row in outcome.faulty if row.position not in outcome.set_aside]
        for position, cause in outcome.set_aside.items():
            logger.error("the event at position %d is set aside: %s", position, cause)


def _told(envelope: Envelope) -> dict[str, str]:
    """What a log line says of an event, so that its trace id finds it."""
    return {
        "correlation_id": envelope["trace_id"],
        "event_id": envelope["id"],
        "event_type": envelope["type"],
    }


def _envelope(row: Row) -> dict[str, Any]:
    return {name: _plain(getattr(row, name)) for name in ENVELOPE}


def _plain(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return clock.rfc3339(value)
    return value
