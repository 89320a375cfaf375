"""The audits: each act of staff, what it changed in the shop, and the messages that it concerned.

A staff act has its row before it begins, and its outcome when it has ended. Changes are recorded by
the transaction that makes them, and messages before they are touched; both name the act's request.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from commerce.runtime.db.connection import Database
from commerce.runtime.db.pipeline import Query
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


def forget(uow: UnitOfWork, user_id: UUID, login_id: str) -> None:
    """Forget what staff wrote about a user, and their login id; what was done stays."""
    uow.write(sql.FORGET_REASONS(erased=user_id))
    uow.write(sql.FORGET_COMMANDS(login_id=login_id))


class Outcome(StrEnum):
    """The outcome of a staff act."""

    DONE = "DONE"
    REPLAYED = "REPLAYED"
    REFUSED = "REFUSED"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class StaffAct:
    """An act of staff or of an API key: `subject` is the path, or the words of a command."""

    id: UUID
    by: str
    action: str
    subject: str


def begin_act(uow: UnitOfWork, act: StaffAct) -> None:
    """Record that somebody begins an act."""
    uow.write(
        sql.BEGIN_ACT(
            id=act.id,
            at=clock.now(),
            by=act.by,
            action=act.action,
            subject=_storable(act.subject),
            trace_id=trace.trace_id(),
        )
    )


def end_act(uow: UnitOfWork, act: StaffAct, outcome: Outcome, code: str | None = None) -> None:
    """Record how an act ended, with the code of the problem where there was one."""
    uow.write(sql.END_ACT(act_id=act.id, new_outcome=outcome.value, new_code=code))


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
    database.run([_recorded(act)])


def record_act_with(uow: UnitOfWork, act: Act) -> None:
    """Record the act in the transaction that does it."""
    uow.write(_recorded(act))


def _recorded(act: Act) -> Query:
    texts = {name: _storable(value) for name, value in asdict(act).items()}
    facts = {"id": clock.new_id(), "at": clock.now(), "trace_id": trace.trace_id()}
    return sql.RECORD_ACT(**facts, **texts)


def _storable(text: str) -> str:
    """Replace what PostgreSQL stores in no text: NUL, and halves of surrogate pairs."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()
