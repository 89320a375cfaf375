"""The audits: what operators did that cannot be undone, and what admins changed in the shop."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from commerce.runtime.db.connection import Database
from commerce.runtime.db.statement import precompiled
from commerce.runtime.db.unit_of_work import UnitOfWork
from commerce.shared import clock, trace
from commerce.shared.events import plain

if TYPE_CHECKING:
    from commerce.runtime.db import statements as sql
else:
    sql = precompiled("commerce.runtime.db.statements")


@dataclass(frozen=True, slots=True)
class Change:
    """What an admin changed of one thing: `before` and `after` hold the fields that differ.

    Of something new there is nothing before.
    """

    by: str
    action: str
    subject_id: UUID
    before: Mapping[str, Any]
    after: Mapping[str, Any]


def record(uow: UnitOfWork, change: Change) -> None:
    """Write the change down, in the transaction that makes it."""
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
    """One thing done to one message; `body` is the message as it was."""

    by: str
    action: str
    queue: str
    message_id: str
    body: str
    reason: str


def keep(database: Database, act: Act) -> None:
    """Write the act down, committed when this returns. Do it before the act itself."""
    # PostgreSQL keeps no NUL: what cannot be written is shown as the replacement character.
    told = {
        name: value.replace("\0", "\N{REPLACEMENT CHARACTER}")
        for name, value in asdict(act).items()
    }
    database.run([sql.KEEP_ACT(id=clock.new_id(), at=clock.now(), **told)])
