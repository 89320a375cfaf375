"""The audits: operators' acts that cannot be undone, and admins' changes to the shop."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from commerce.runtime.db.connection import Database
from commerce.runtime.db.sql import sql
from commerce.runtime.db.unit_of_work import UnitOfWork
from commerce.shared import clock, trace
from commerce.shared.events import plain


@dataclass(frozen=True, slots=True)
class Change:
    """An admin's change of one thing: `before` and `after` hold the fields that differ.

    For something new, `before` is empty.
    """

    by: str
    action: str
    subject_id: UUID
    before: Mapping[str, Any]
    after: Mapping[str, Any]


def record(uow: UnitOfWork, change: Change) -> None:
    """Record the change in the transaction that makes it."""
    uow.write(
        sql.RECORD_CHANGE(
            id=clock.new_id(),
            at=clock.now(),
            by=change.by,
            action=change.action,
            subject_id=change.subject_id,
            before=_plain(change.before),
            after=_plain(change.after),
            trace_id=trace.trace_id(),
        )
    )


def _plain(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: plain(value) for name, value in facts.items()}


@dataclass(frozen=True, slots=True)
class Act:
    """An operator's act on one message; `body` is the message before it."""

    by: str
    action: str
    queue: str
    message_id: str
    body: str
    reason: str


def record_act(database: Database, act: Act) -> None:
    """Record the act, and commit. Call it before the act itself."""
    # PostgreSQL stores no NUL character.
    texts = {
        name: value.replace("\0", "\N{REPLACEMENT CHARACTER}")
        for name, value in asdict(act).items()
    }
    database.run([sql.RECORD_ACT(id=clock.new_id(), at=clock.now(), **texts)])
