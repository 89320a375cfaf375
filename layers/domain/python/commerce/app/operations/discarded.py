"""Dead letters that were discarded: the audit has them, so that they can be restored."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from commerce.app.shop import Shop
from commerce.runtime.db.statement import precompiled
from commerce.runtime.messaging.dead_letters import DeadLetter

if TYPE_CHECKING:
    from commerce.app.operations import statements as sql
else:
    sql = precompiled("commerce.app.operations.statements")

DISCARD = "dlq discard"
"""The audit's name for a discard, at the console and by command."""


@dataclass(frozen=True, slots=True)
class Discarded:
    """A message that an operator discarded: who, when and why."""

    message: DeadLetter
    at: datetime
    by: str
    reason: str


def discarded(
    shop: Shop, queue: str, *, since: datetime, ids: Collection[str] = ()
) -> list[Discarded]:
    """Return the messages of a queue that were discarded, the newest first, each once.

    Args:
        since: discards before are left out.
        ids: of messages, events or orders; empty for any.
    """
    found = _all_of(shop, queue, since)
    return [each for each in found if not ids or each.message.matches(ids)]


def _all_of(shop: Shop, queue: str, since: datetime) -> Iterator[Discarded]:
    seen = set[str]()
    for row in shop.uow.read(sql.DISCARDED(action=DISCARD, queue=queue, since=since)):
        if row.message_id not in seen:
            seen.add(row.message_id)
            message = DeadLetter({"MessageId": row.message_id, "Body": row.body})
            yield Discarded(message, row.at, row.by, row.reason)
