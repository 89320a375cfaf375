"""Dead letters that were discarded: the audit has them, so that they can be restored."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pydantic import Field

from commerce.app.shop import Shop
from commerce.runtime.db.pipeline import Row
from commerce.runtime.db.statement import precompiled
from commerce.runtime.messaging.dead_letters import DeadLetter
from commerce.shared.pagination import newest_first
from commerce.shared.schemas import Page, Timestamp, View

if TYPE_CHECKING:
    from commerce.app.operations import statements as sql
else:
    sql = precompiled("commerce.app.operations.statements")

DISCARD = "dlq discard"
"""The audit's name for a discard, at the console and by command."""
RESTORE = "dlq restore"
"""The audit's name for sending a discarded message to its queue again."""
MAX_BODY_CHARACTERS = 20_000  # of each of up to 100 bodies in an answer, which may have 6 MB


@dataclass(frozen=True, slots=True)
class Discarded:
    """A message that an operator discarded: who, when and why."""

    message: DeadLetter
    at: datetime
    by: str
    reason: str


class DiscardedView(View):
    """A discarded message. What cannot be read from it is empty."""

    queue: str
    message_id: str
    kind: str = Field(description="As of a dead letter")
    order_id: str
    event_id: str
    body: str
    body_is_cut: bool
    at: Timestamp
    by: str
    reason: str
    restored_at: Timestamp | None = Field(description="When it was last sent to its queue again")
    restored_by: str | None


def discarded(
    shop: Shop, queue: str, *, since: datetime, ids: Collection[str] = ()
) -> list[Discarded]:
    """Return the messages of a queue that were discarded, the newest first, each once.

    Args:
        since: discards before are left out.
        ids: of messages, events or orders; empty for any.
    """
    rows = shop.uow.read(sql.DISCARDED(action=DISCARD, queue=queue, since=since))
    return [each for each in discarded_once(rows) if not ids or each.message.matches(ids)]


def discarded_messages(shop: Shop, queue: str, message_ids: Sequence[str]) -> list[Discarded]:
    """Return those of the messages that were discarded from the queue, each once."""
    query = sql.DISCARDED_MESSAGES(action=DISCARD, queue=queue, message_ids=list(message_ids))
    return list(discarded_once(shop.uow.read(query)))


def newest_discarded(shop: Shop, *, limit: int, after: str | None) -> Page[DiscardedView]:
    """List discarded messages of all queues, the newest first. Raises InvalidCursor."""

    def read(before: UUID, limit: int) -> Sequence[Any]:
        query = sql.NEWEST_DISCARDS(action=DISCARD, before_id=before, limit=limit)
        found = shop.uow.read(query)
        ids = [row.message_id for row in found]
        acts = shop.uow.read(sql.ACTS_ON_MESSAGES(action=RESTORE, message_ids=ids)) if ids else []
        return [_Found(row, acts) for row in found]

    return newest_first("discarded", after, limit, read, _Found.view)


def discarded_once(rows: Iterable[Row]) -> Iterator[Discarded]:
    """Read the audit's discards, the newest first, of which each message is met once."""
    seen = set[str]()
    for row in rows:
        if row.message_id not in seen:
            seen.add(row.message_id)
            yield Discarded(_message(row), row.at, row.by, row.reason)


def _message(row: Row) -> DeadLetter:
    return DeadLetter({"MessageId": row.message_id, "Body": row.body})


class _Found:
    """A discard, with the last time that its message was restored since."""

    def __init__(self, row: Row, restores: Sequence[Row]) -> None:
        self.id = row.id
        self._row = row
        since = [each for each in restores if each.message_id == row.message_id]
        self._restored = next((each for each in reversed(since) if each.id > row.id), None)

    def view(self) -> DiscardedView:
        row, message = self._row, _message(self._row)
        body = row.body[:MAX_BODY_CHARACTERS]
        return DiscardedView(
            queue=row.queue,
            message_id=row.message_id,
            kind=message.kind,
            order_id=message.order_id,
            event_id=str(message.envelope.get("id", "")),
            body=body,
            body_is_cut=len(body) < len(row.body),
            at=row.at,
            by=row.by,
            reason=row.reason,
            restored_at=self._restored.at if self._restored else None,
            restored_by=self._restored.by if self._restored else None,
        )
