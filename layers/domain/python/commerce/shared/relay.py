"""The relay: moves events from the outbox to the bus.

A row is marked only when the bus took it: killed in between, the relay puts it once more, and the
consumers' claims make the second time harmless.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, any_, bindparam, func, select, update

from commerce.shared import clock
from commerce.shared.bus import Bus, Envelope, batches
from commerce.shared.database import Database, Query, Row, Statement
from commerce.shared.errors import Busy
from commerce.shared.outbox import ENVELOPE, outbox_table
from commerce.shared.unit_of_work import UnitOfWork

CHUNK = 200  # rows held locked while their events are put: twenty calls
_ONE_RELAY = 7_235_119_001  # any number of our own: the advisory lock's key

_o = outbox_table.c
# Rows of one aggregate must not be split over two relays at work: they take turns, a chunk each.
_TAKE_TURNS = Query("SELECT pg_advisory_xact_lock($1)", [_ONE_RELAY])
# Never `position > last`: positions are drawn before the commit, and a late commit would be lost.
_TAKE = Statement(
    select(_o.position, *(_o[name] for name in ENVELOPE))
    .where(_o.published_at.is_(None))
    .order_by(_o.position)
    .limit(bindparam("limit", type_=BigInteger))
    .with_for_update(skip_locked=True)
)
_MARK = Statement(
    update(outbox_table)
    .where(_o.position == any_(bindparam("positions", type_=ARRAY(BigInteger))))
    .values(published_at=bindparam("published_at"))
)
_WAITING = Statement(
    select(func.count().label("count"), func.min(_o.occurred_at).label("oldest")).where(
        _o.published_at.is_(None)
    )
)

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Relayed:
    """What one run did."""

    published: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True)
class Waiting:
    """What the outbox holds."""

    count: int
    oldest: datetime | None

    def age_seconds(self, now: datetime) -> float:
        """How long the oldest event has been waiting."""
        return max(0.0, (now - self.oldest).total_seconds()) if self.oldest else 0.0


class Relay:
    """Empties the outbox, chunk by chunk, until it is empty or the bus refuses."""

    def __init__(self, database: Database, bus: Bus) -> None:
        self._database = database
        self._bus = bus

    def run(self, max_chunks: int = 100) -> Relayed:
        """Publish what waits. What the bus refuses stays, and is tried by the next run.

        A relay at work goes on until it finds nothing more; whoever does not get its turn within
        the lock time-out leaves the rest to it.
        """
        done = Relayed()
        try:
            for _ in range(max_chunks):
                if not self._one_chunk(done) or done.refused:
                    break
        except Busy:
            logger.info("another relay is at work")
        return done

    def waiting(self) -> Waiting:
        """How many events wait, and since when."""
        row = UnitOfWork(self._database).read(_WAITING())[0]
        return Waiting(row.count, row.oldest)

    def _one_chunk(self, done: Relayed) -> int:
        with UnitOfWork(self._database) as uow:
            rows = uow.lock(_TAKE_TURNS, _TAKE(limit=CHUNK))
            taken = self._put(rows)
            if taken:
                uow.write(_MARK(positions=taken, published_at=clock.now()))
                uow.commit()
            done.published += len(taken)
            done.refused += len(rows) - len(taken)
            return len(rows)

    def _put(self, rows: Sequence[Row]) -> list[int]:
        """The positions of the rows that the bus took."""
        by_id = {str(row.id): row.position for row in rows}
        taken: list[int] = []
        held_back: set[Any] = set()
        for batch in batches([_envelope(row) for row in rows]):
            # An aggregate's later events wait for the earlier one that the bus refused.
            going = [each for each in batch if each["aggregate_id"] not in held_back]
            answers = self._answers(going)
            for envelope, refusal in zip(going, answers, strict=True):
                if refusal is None:
                    taken.append(by_id[envelope["id"]])
                    logger.info("event on the bus", extra=_told(envelope))
                else:
                    held_back.add(envelope["aggregate_id"])
                    logger.warning("the bus refused event %s: %s", envelope["id"], refusal)
            if answers and all(answers):
                break  # it takes nothing at all now; the next run tries again
        return taken

    def _answers(self, batch: Sequence[Envelope]) -> list[str | None]:
        if not batch:
            return []
        try:
            return self._bus.put(batch)
        except Exception as error:  # noqa: BLE001  (whatever the bus' client raises: not taken)
            return [type(error).__name__] * len(batch)


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
