"""Scheduled reconciliation as operators see it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any

from commerce.app.reconciliation.reconciler import books
from commerce.app.reconciliation.runs import boards
from commerce.app.reconciliation.runs.model import BOARDS, FULL_LATE_AFTER, LATE_AFTER, Kind, Run
from commerce.app.reconciliation.runs.repository import RunRepository
from commerce.runtime.db.unit_of_work import UnitOfWork
from commerce.shared.schemas import Timestamp, View, one_of

MAX_SHOWN = 20
_DELIVERY = ("shipment-notice-failed.md", 'make ops ARGS="dlq list"')
_MENDS = {
    boards.RULE: ("rankings-lost.md", 'make ops ARGS="ranking rebuild"'),
    "DELIVERY_SYSTEM_WAS_GIVEN_THE_ORDER": _DELIVERY,
    "DELIVERY_SYSTEM_KNOWS_THE_ORDER": _DELIVERY,
}
_OTHERWISE = ("books-do-not-hold.md", 'make ops ARGS="reconcile"')


class RunView(View):
    """A run that has ended.

    `boards` is null if Valkey did not answer: then rankings were not compared. Full runs leave them
    to the incremental ones.
    """

    kind: Annotated[str, one_of(Kind)]
    begun_at: Timestamp
    ended_at: Timestamp
    seconds: float
    products: int
    accounts: int
    orders: int
    coupons: int
    drops: int
    boards: int | None
    findings: int
    is_complete: bool


class BooksFindingView(View):
    """A finding that stands, in words, with the runbook and the command to begin with."""

    rule: str
    words: str
    runbook: str
    command: str


class BooksView(View):
    """The last runs of each kind with what they covered, and the findings that stand.

    `is_late` is true where no run has completed in time, so that nobody knows if the books hold.
    """

    last: RunView | None
    last_full: RunView | None
    is_late: bool
    findings_count: int
    findings: list[BooksFindingView]


def books_view(uow: UnitOfWork, now: datetime) -> BooksView:
    """Return what was found last, and whether runs are late, in one round trip."""
    last, full = RunRepository(uow).newest_ended(Kind.INCREMENTAL, Kind.FULL)
    found = last.findings if last else []
    return BooksView(
        last=_shown(last),
        last_full=_shown(full),
        is_late=_is_late(last, LATE_AFTER, now) or _is_late(full, FULL_LATE_AFTER, now),
        findings_count=len(found),
        findings=[_described(each) for each in found[:MAX_SHOWN]],
    )


def _is_late(run: Run | None, after: timedelta, now: datetime) -> bool:
    return run is None or not (run.is_complete or run.findings) or now - run.begun_at > after


def _shown(run: Run | None) -> RunView | None:
    if run is None or run.ended_at is None:
        return None
    return RunView(
        kind=run.kind,
        begun_at=run.begun_at,
        ended_at=run.ended_at,
        seconds=round(run.seconds, 1),
        findings=len(run.findings),
        is_complete=run.is_complete,
        boards=run.checked.get(BOARDS),
        **{name: run.checked.get(name, 0) for name in books()},
    )


def _described(found: Mapping[str, Any]) -> BooksFindingView:
    runbook, command = _MENDS.get(found["rule"], _OTHERWISE)
    return BooksFindingView(
        rule=found["rule"], words=found["words"], runbook=runbook, command=command
    )
