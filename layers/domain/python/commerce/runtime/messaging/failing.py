"""Messages that failed, with the cause: those that are tried again, and dead letters.

Consumers note what failed and forget what was handled at last. That is a hint for operators and no
part of the work: where it cannot be stored, nothing else changes.
"""

import logging
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from commerce.runtime.db.current import database
from commerce.runtime.db.sql import sql
from commerce.shared import clock

RECEIVES = 5  # of a message before it becomes a dead letter: spec §7.3, infra/stacks/queue.yaml
SHOWN_FOR = timedelta(minutes=30)  # longer than any pause before the next try
MAX_CAUSE_CHARACTERS = 300
SUFFIX = "-dead-letters"
"""Ends the name of a queue's dead-letter queue (infra/stacks/queue.yaml)."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Failing:
    """A message that was tried `tries` times in vain; `type` is empty if it cannot be read.

    `queue` is where it is: its dead-letter queue once the tries ran out.
    """

    message_id: str
    queue: str
    tries: int
    cause: str
    type: str
    since: datetime
    failed_at: datetime


def note(failed: Sequence[Failing], handled: Collection[str]) -> None:
    """Store what failed, and forget the messages that were handled. Never raises."""
    rows = [
        {**asdict(each), "since": clock.rfc3339(each.since),
         "failed_at": clock.rfc3339(each.failed_at)}
        for each in failed
    ]  # fmt: skip
    queries = [
        *([sql.NOTE_FAILURES(rows=rows)] if rows else []),
        *([sql.FORGET_FAILURES(message_ids=list(handled))] if handled else []),
    ]
    if not queries:
        return
    try:
        database().run(queries)
    except Exception:
        logger.warning("what fails was not noted for operators", exc_info=True)


def find(now: datetime, limit: int) -> list[Failing]:
    """Return the messages that failed last and are to be tried again, the newest first."""
    found = database().run([sql.FAILING(since=now - SHOWN_FOR, limit=limit)])[0]
    return [Failing(**row._asdict()) for row in found]


def causes(message_ids: Collection[str]) -> dict[str, str]:
    """Return the last cause of each of these messages, where one was noted."""
    if not message_ids:
        return {}
    found = database().run([sql.CAUSES(message_ids=list(message_ids))])[0]
    return {row.message_id: row.cause for row in found}
