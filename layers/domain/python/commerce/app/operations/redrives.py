"""A redrive of many dead letters: one act of one operator, in parts that each end in time.

What it is to send, how fast, and how far it came is one row of the audit, which each part brings up
to date. Nothing runs between the parts: where nobody asks for the next one, what was sent is under
way and the rest stays dead letters.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID

from commerce.app.shop import Shop
from commerce.runtime import audit
from commerce.runtime.audit import Change
from commerce.runtime.db.statement import precompiled
from commerce.runtime.messaging import failing
from commerce.runtime.messaging.dead_letters import DeadLetter

if TYPE_CHECKING:
    from commerce.app.operations import statements as sql
else:
    sql = precompiled("commerce.app.operations.statements")

ACTION = "redrive dead letters"
"""The audit's name for the act as a whole; each message of it has a row of its own besides."""


class RedriveState(StrEnum):
    """The states of a redrive."""

    UNDER_WAY = "UNDER_WAY"
    DONE = "DONE"
    CANCELLED = "CANCELLED"


@dataclass(frozen=True, slots=True)
class Selection:
    """The dead letters that an operator means: by ids, by type and by a part of the cause.

    Without ids, those of any id.
    """

    ids: Sequence[str] = ()
    kind: str | None = None
    cause: str | None = None

    @property
    def filter(self) -> Callable[[Sequence[DeadLetter]], Sequence[DeadLetter]] | None:
        """The filter by type and cause; None where any is meant."""
        return self._of if self.kind or self.cause else None

    def _of(self, letters: Sequence[DeadLetter]) -> list[DeadLetter]:
        of_kind = [each for each in letters if self.kind in (None, each.kind)]
        if self.cause is None:
            return of_kind
        causes, part = causes_of(of_kind), self.cause.casefold()
        return [each for each in of_kind if part in causes[each.id].casefold()]


def causes_of(letters: Collection[DeadLetter]) -> dict[str, str]:
    """Return each one's cause: the bus' reason, else its last failure as noted; empty if none."""
    noted = failing.causes([each.id for each in letters if not each.cause])
    return {each.id: each.cause or noted.get(each.id, "") for each in letters}


@dataclass(frozen=True, slots=True)
class RedriveRun:
    """A redrive as the audit has it."""

    id: UUID
    by: str
    queue: str
    selection: Selection
    rate: int | None
    state: RedriveState
    sent: int
    failed: int
    trace_id: str

    @property
    def is_over(self) -> bool:
        """True once it is done or cancelled."""
        return self.state is not RedriveState.UNDER_WAY


def begin_redrive(
    shop: Shop, id_: UUID, queue: str, selection: Selection, rate: float | None, *, by: str
) -> None:
    """Record that a redrive begins."""
    facts = {
        "queue": queue,
        "message_ids": list(selection.ids) or "all",
        "kind": selection.kind,
        "cause": selection.cause,
        "rate": rate,
    }
    after = {"state": RedriveState.UNDER_WAY, "sent": 0, "failed": 0}
    audit.record(shop.uow, Change(by, ACTION, id_, facts, after))


def find_redrive(shop: Shop, id_: UUID) -> RedriveRun | None:
    """Return a redrive with its counts."""
    found = shop.uow.read(sql.REDRIVE(action=ACTION, redrive_id=id_))
    return next(iter(map(_redrive_of, found)), None)


def advance_redrive(shop: Shop, id_: UUID, *, sent: int, failed: int, state: RedriveState) -> None:
    """Add a part's counts; what is over stays as it ended."""
    part = {"part_sent": sent, "part_failed": failed, "part_state": state.value}
    shop.uow.write(sql.ADVANCE_REDRIVE(action=ACTION, redrive_id=id_, **part))


def ids_left(shop: Shop, run: RedriveRun) -> list[str]:
    """Return those of its chosen ids that no part has handled yet."""
    query = sql.HANDLED(request=run.trace_id, message_ids=list(run.selection.ids))
    handled = {row.message_id for row in shop.uow.read(query)}
    return [each for each in run.selection.ids if each not in handled]


def _redrive_of(row: Any) -> RedriveRun:
    facts, after = row.before, row.after
    ids = facts["message_ids"]
    selection = Selection(() if ids == "all" else ids, facts["kind"], facts["cause"])
    return RedriveRun(
        id=row.subject_id,
        by=row.by,
        queue=facts["queue"],
        selection=selection,
        rate=facts["rate"],
        state=RedriveState(after["state"]),
        sent=after["sent"],
        failed=after["failed"],
        trace_id=row.trace_id,
    )
