"""Clean-up: rows that nobody will ask for again are deleted, a chunk at a time."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import BigInteger, ColumnElement, DateTime, Table, bindparam, delete, select, tuple_

from commerce.runtime.db.connection import Database
from commerce.runtime.db.statement import Statement
from commerce.runtime.db.tables import once_table, outbox_table
from commerce.shared import clock
from commerce.shared.errors import Busy

CHUNK = 1000  # rows per statement, and so per transaction: no lock is held for long
RUN_SECONDS = 240  # a run ends of itself; the next day goes on

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Expiry:
    """Which rows of a table are forgotten: those whose time is further back than `kept_for`."""

    name: str
    kept_for: timedelta
    delete: Statement

    @classmethod
    def of(
        cls,
        name: str,
        table: Table,
        time_column: ColumnElement[object],
        kept_for: timedelta,
        *also: ColumnElement[bool],
    ) -> "Expiry":
        """Forget the rows of a table by one of its columns; `also` narrows which."""
        key = tuple_(*table.primary_key.columns)
        old = (
            select(*table.primary_key.columns)
            .where(time_column < bindparam("before", type_=DateTime(timezone=True)), *also)
            .order_by(time_column)
            .limit(bindparam("limit", type_=BigInteger))
            .with_for_update(skip_locked=True)
        )
        return cls(
            name,
            kept_for,
            Statement(delete(table).where(key.in_(old)).returning(*table.primary_key.columns)),
        )


_o, _c = outbox_table.c, once_table.c
EXPIRIES = (
    Expiry.of(
        "outbox", outbox_table, _o.published_at, timedelta(days=7), _o.published_at.is_not(None)
    ),
    # A request's answer is promised for 24 h.
    Expiry.of("answers", once_table, _c.claimed_at, timedelta(days=2), _c.answer.is_not(None)),
    # A consumer's claim must outlive its message: 4 days in the queue, 14 as a dead letter, and
    # the queue's again when an operator sends it back on the last of them.
    Expiry.of("claims", once_table, _c.claimed_at, timedelta(days=30), _c.answer.is_(None)),
)


def clean_up(
    database: Database, expiries: Sequence[Expiry], max_seconds: float = RUN_SECONDS
) -> dict[str, int]:
    """Delete what is past its time; returns how many rows of each. Repeated, it deletes nothing."""
    ends_at = time.monotonic() + max_seconds
    return {each.name: _forget(database, each, ends_at) for each in expiries}


def _forget(database: Database, expiry: Expiry, ends_at: float) -> int:
    before = clock.now() - expiry.kept_for
    deleted = 0
    while time.monotonic() < ends_at:
        try:
            gone = len(database.run([expiry.delete(before=before, limit=CHUNK)])[0])
        except Busy:
            logger.warning("%s: a chunk took too long; the next run goes on", expiry.name)
            break
        deleted += gone
        if gone < CHUNK:
            break
    return deleted
