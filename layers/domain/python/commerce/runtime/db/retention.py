"""Retention: rows past their time are deleted, a chunk at a time."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from commerce.runtime.db import outbox
from commerce.runtime.db.connection import Database
from commerce.runtime.db.sql import sql
from commerce.runtime.db.statement import Statement
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


RETENTIONS = (
    Retention("outbox", outbox.KEPT_FOR, sql.DELETE_PUBLISHED),
    # Of messages that were tried again by a function that could not say so.
    Retention("failing_messages", timedelta(days=1), sql.DELETE_TRIED_AGAIN),
    # A dead letter is kept for 14 days after it was first sent.
    Retention("causes", timedelta(days=14), sql.DELETE_CAUSES),
    # A request's answer is replayed for 24 h.
    Retention("answers", timedelta(days=2), sql.DELETE_ANSWERS),
    # A consumer's claim must outlive its message: 4 days in the queue, 14 as a dead letter, and
    # another 4 in the queue when an operator redrives it on the last of them.
    Retention("claims", timedelta(days=30), sql.DELETE_CLAIMS),
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
