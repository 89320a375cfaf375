"""The trends of a day as operators see them."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from commerce.app.trends.sampler import SLOT, slot_of
from commerce.payment import State
from commerce.runtime.db.current import database
from commerce.runtime.db.pipeline import Row
from commerce.runtime.db.statement import precompiled
from commerce.shared import clock
from commerce.shared.schemas import Timestamp, View, one_of

if TYPE_CHECKING:
    from commerce.app.trends import statements as sql
else:
    sql = precompiled("commerce.app.trends.statements")

SHOWN = timedelta(hours=24)
BEFORE = timedelta(hours=1)  # what ran before the first slot is known from the hour before it


class TrendPointView(View):
    """A slot of five minutes; what was not sampled is null.

    Counts are of the slot, the others of a moment in it. Payments are counted by when they began.
    """

    at: Timestamp
    dead_letters: int | None
    outbox_age_seconds: int | None
    breaker: Annotated[str, one_of([*State, "unknown"])] | None = Field(
        description="Also open where it opened since the slot before"
    )
    payments_succeeded: int | None
    payments_failed: int | None
    api_5xx: int | None = Field(description="Requests answered 5xx, API Gateway's 502 included")
    functions_failed: int | None = Field(description="Crashed, killed or timed out")


class DeployView(View):
    """The first slot in which other code ran; `code` is a digest of it."""

    at: Timestamp
    version: str
    code: str


class TrendsView(View):
    """The last 24 hours by slots of five minutes, oldest first, and the deploys among them."""

    at: Timestamp
    slot_seconds: int
    points: list[TrendPointView]
    deploys: list[DeployView]


def trends() -> TrendsView:
    """Return the last day; a slot without a sample has nulls."""
    now = clock.now()
    last = slot_of(now)
    first = last - SHOWN + SLOT
    found: Sequence[Row] = database().run([sql.SINCE(since=first - BEFORE)])[0]
    known = {row.slot: row for row in found}
    slots = [first + SLOT * number for number in range(SHOWN // SLOT)]
    return TrendsView(
        at=now,
        slot_seconds=int(SLOT.total_seconds()),
        points=[_point(slot, known.get(slot)) for slot in slots],
        deploys=list(_deploys(found, first)),
    )


def _point(slot: datetime, row: Row | None) -> TrendPointView:
    names = [each for each in TrendPointView.model_fields if each != "at"]
    values = {name: getattr(row, name) if row else None for name in names}
    return TrendPointView.model_validate({"at": slot, **values})


def _deploys(found: Sequence[Row], first: datetime) -> Iterator[DeployView]:
    before: tuple[str, str] | None = None
    for row in found:
        if row.code is None:
            continue
        release = (row.version, row.code)
        if before not in (None, release) and row.slot >= first:
            yield DeployView(at=row.slot, version=row.version, code=row.code)
        before = release
