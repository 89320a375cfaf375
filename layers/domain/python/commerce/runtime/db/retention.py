"""Retention: rows past their time are deleted, a chunk at a time."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import BigInteger, ColumnElement, DateTime, Table, bindparam, delete, select, tuple_

from commerce.runtime.db import outbox
from commerce.runtime.db.connection import Database
from commerce.runtime.db.statement import Statement
from commerce.runtime.db.tables import TRIED_AGAIN, failing_message_table, once_table, outbox_table
from commerce.runtime.deadline import Deadline
from commerce.shared import clock
from commerce.shared.errors import Busy

CHUNK = 1000  # rows per statement, and so per transaction: locks are short
RUN_SECONDS = 240  # then the next day's run continues

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Retention:
    """A table's rows that are deleted once their time is further back than `kept_for`."""

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
    ) -> "Retention":
        """Delete the rows of a table by a column with a time; `also` narrows which rows."""
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


_o, _c, _f = outbox_table.c, once_table.c, failing_message_table.c
RETENTIONS = (
    Retention.of(
        "outbox", outbox_table, _o.published_at, outbox.KEPT_FOR, _o.published_at.is_not(None)
    ),
    # Of messages that were tried again by a function that could not say so.
    Retention.of(
        "failing_messages",
        failing_message_table,
        _f.failed_at,
        timedelta(days=1),
        TRIED_AGAIN,
    ),
    # A dead letter is kept for 14 days after it was first sent.
    Retention.of("causes", failing_message_table, _f.failed_at, timedelta(days=14)),
    # A request's answer is replayed for 24 h.
    Retention.of("answers", once_table, _c.claimed_at, timedelta(days=2), _c.answer.is_not(None)),
    # A consumer's claim must outlive its message: 4 days in the queue, 14 as a dead letter, and
    # another 4 in the queue when an operator redrives it on the last of them.
    Retention.of("claims", once_table, _c.claimed_at, timedelta(days=30), _c.answer.is_(None)),
)


def delete_expired(
    database: Database, retentions: Sequence[Retention], max_seconds: float = RUN_SECONDS
) -> dict[str, int]:
    """Delete the rows that are past their retention; return how many of each."""
    run = Deadline.within(max_seconds)
    return {each.name: _delete(database, each, run) for each in retentions}


def _delete(database: Database, retention: Retention, run: Deadline) -> int:
    before = clock.now() - retention.kept_for
    deleted = 0
    while not run.is_over:
        try:
            chunk = len(database.run([retention.delete(before=before, limit=CHUNK)])[0])
        except Busy:
            logger.warning("%s: a chunk took too long; the next run continues", retention.name)
            break
        deleted += chunk
        if chunk < CHUNK:
            break
    return deleted
