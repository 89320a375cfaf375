"""The audit as admins read it: each act with its outcome, and what it changed."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from pydantic import Field

from commerce.app.shop import Shop
from commerce.runtime.audit import Outcome
from commerce.runtime.db.pipeline import Row
from commerce.runtime.db.statement import precompiled
from commerce.shared.clock import first_id_at, rfc3339
from commerce.shared.pagination import newest_first
from commerce.shared.schemas import Page, Timestamp, View

if TYPE_CHECKING:
    from commerce.app.audit import statements as sql
else:
    sql = precompiled("commerce.app.audit.statements")

_FIRST, _LAST = UUID(int=0), UUID(int=2**128 - 1)


class ChangeView(View):
    """A change that an act made; for something new, `before` is empty."""

    action: str
    subject_id: str
    before: dict[str, Any]
    after: dict[str, Any]


class ActView(View):
    """An act of staff, of an API key or of an operator."""

    act_id: str
    at: Timestamp
    by: str
    action: str
    subject: str = Field(description="The path, or the words of the command")
    outcome: Outcome | Literal["UNKNOWN"] = Field(
        description="UNKNOWN while it is under way, and where its process died"
    )
    code: str | None = Field(description="The code of the problem, where there was one")
    request_id: str
    changes: list[ChangeView]
    messages: int = Field(description="Dead letters that it concerned")


def acts(
    shop: Shop,
    *,
    by: str | None = None,
    action: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = 20,
    after: str | None = None,
) -> Page[ActView]:
    """List acts, the newest first; `until` is excluded. Raises InvalidCursor."""
    # Ids are made at the time of the act, so a period is a range of them.
    first = first_id_at(since) if since else _FIRST
    end = first_id_at(until) if until else _LAST
    period = [rfc3339(each) if each else "" for each in (since, until)]
    listing = " ".join(["audit", repr(by), repr(action), *period])

    def read(before: UUID, limit: int) -> Sequence[Any]:
        bounds = {"first": first, "before": min(before, end), "limit": limit}
        found = shop.uow.read(sql.ACTS(by=by, action=action, **bounds))
        requests = sorted({row.trace_id for row in found})
        changes, messages = shop.uow.read_together(
            sql.CHANGES(requests=requests), sql.MESSAGES(requests=requests)
        )
        counts = {row.trace_id: row.count for row in messages}
        return [_Found(row, changes, counts.get(row.trace_id, 0)) for row in found]

    return newest_first(listing, after, limit, read, _Found.view)


class _Found:
    """An act with the rows of its request."""

    def __init__(self, row: Row, changes: Sequence[Row], messages: int) -> None:
        self.id = row.id
        self._row, self._changes, self._messages = row, changes, messages

    def view(self) -> ActView:
        row = self._row
        return ActView(
            act_id=str(row.id),
            at=row.at,
            by=row.by,
            action=row.action,
            subject=row.subject,
            outcome=Outcome(row.outcome) if row.outcome else "UNKNOWN",
            code=row.code,
            request_id=row.trace_id,
            changes=[
                ChangeView(
                    action=each.action,
                    subject_id=str(each.subject_id),
                    before=each.before,
                    after=each.after,
                )
                for each in self._changes
                if each.trace_id == row.trace_id
            ],
            messages=self._messages,
        )
