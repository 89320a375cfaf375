"""The scheduled reconciliation: incremental each time, and the full one in parts.

An incremental run looks at what changed since a run of at least twenty minutes ago, so that each
change is looked at again when the rules that allow ten minutes no longer do. It also looks again at
all that was found last, so its findings are those that stand. Only reads take place in between: two
runs at once do no harm, and of a full run's part the first that is stored counts.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

from commerce.app.reconciliation.reconciler import (
    FIRST,
    MAX_CHANGED,
    MAX_FINDINGS,
    Chunk,
    Reconciler,
    books,
)
from commerce.app.reconciliation.runs.boards import compare_boards
from commerce.app.reconciliation.runs.model import BOARDS, NIGHTLY_HOUR, Kind, Run
from commerce.app.reconciliation.runs.repository import RunRepository
from commerce.app.reconciliation.views import Finding
from commerce.app.shop import Shop
from commerce.app.transactions import in_transaction
from commerce.runtime import business_time
from commerce.runtime.db.current import database
from commerce.runtime.deadline import Deadline
from commerce.shared import clock
from commerce.shared.errors import Busy

OVERLAP = timedelta(minutes=20)
LONGEST_LOOK_BACK = timedelta(days=1)  # after a longer pause the full run covers the rest
FULL_SECONDS = 120.0  # of a full run in one invocation, which has five minutes
INCREMENTAL_SECONDS = 140.0
_MARGIN = 1_000  # transactions that may begin between two reads of their number
_OLDEST = 2**31 - 2  # PostgreSQL's ages end here

logger = logging.getLogger(__name__)


def check_books() -> tuple[Run, Run]:
    """Go on with the full run where one is due, then run incrementally; return both."""
    full = _go_on_with_the_full_run()
    return _run_incrementally(full), full


@dataclass(frozen=True, slots=True)
class Ages:
    """Seconds since the newest complete runs began; None where there is none."""

    incremental: float | None
    full: float | None


def ages_seconds() -> Ages:
    """Return how old the newest complete runs are."""
    now = clock.now()

    def age(shop: Shop, kind: Kind) -> float | None:
        run = RunRepository(shop.uow).newest_complete(kind, now)
        return None if run is None else (now - run.begun_at).total_seconds()

    return Ages(in_transaction(age, Kind.INCREMENTAL), in_transaction(age, Kind.FULL))


def _run_incrementally(full: Run) -> Run:
    deadline = Deadline.within(INCREMENTAL_SECONDS)
    run, since, transactions, found = in_transaction(_begin_incremental)
    reconciler = Reconciler(database())
    stands = [*found, *full.findings]
    done = True
    for name in books():
        ids = reconciler.changed(name, since=since, transactions=transactions)
        run, done = _check(run, name, reconciler.chunks(name, ids | _named(stands, name)), deadline)
        done = done and len(ids) < MAX_CHANGED
        if not done:
            break
    run = replace(_with_boards(run, every_product=False), is_complete=done)
    run = _ended(run)
    in_transaction(_add, run)
    return run


def _begin_incremental(shop: Shop) -> tuple[Run, datetime, int, list[dict[str, Any]]]:
    runs, now = RunRepository(shop.uow), clock.now()
    oldest, next_ = runs.transactions()
    before = runs.newest_complete(Kind.INCREMENTAL, now - OVERLAP) or runs.oldest_complete(
        Kind.INCREMENTAL
    )
    last = runs.newest(Kind.INCREMENTAL)
    since, transactions = now - LONGEST_LOOK_BACK, _MARGIN  # the first full run covers the rest
    if before is not None:
        since = max(since, before.begun_at)
        transactions = min(next_ - before.oldest_transaction + _MARGIN, _OLDEST)
    run = Run(clock.new_id(), Kind.INCREMENTAL, now, oldest)
    return run, since, transactions, last.findings if last else []


def _go_on_with_the_full_run() -> Run:
    deadline = Deadline.within(FULL_SECONDS)
    run = in_transaction(_due_full_run)
    if run.ended_at is not None:
        return run
    began, reconciler, done = clock.now(), Reconciler(database()), True
    names = list(books())
    for name in names[names.index(run.book) if run.book else 0 :]:
        after = run.last_id if run.book == name and run.last_id else FIRST
        run, done = _check(run, name, reconciler.chunks(name, after=after), deadline)
        if not done:
            break
    seconds = run.seconds + (clock.now() - began).total_seconds()
    run = replace(run, seconds=seconds)
    if done or len(run.findings) >= MAX_FINDINGS:
        run = replace(_with_boards(run), is_complete=done, ended_at=clock.now())
    try:
        in_transaction(_save, run)
    except Busy:
        logger.info("another invocation has stored this part of the full run")
    return run


def _due_full_run(shop: Shop) -> Run:
    """Return the full run that is under way, else a new one if one is due, else the last one."""
    runs, now = RunRepository(shop.uow), clock.now()
    newest = runs.newest(Kind.FULL)
    if newest is not None and (newest.ended_at is None or newest.begun_at >= _last_night(now)):
        return newest
    oldest, _ = runs.transactions()
    run = Run(clock.new_id(), Kind.FULL, now, oldest)
    runs.add(run)
    return run


def _last_night(now: datetime) -> datetime:
    local = now.astimezone(business_time.zone())
    night = datetime.combine(local.date(), time(NIGHTLY_HOUR), business_time.zone())
    return night if night <= now else night - timedelta(days=1)


def _check(run: Run, name: str, chunks: Iterable[Chunk], deadline: Deadline) -> tuple[Run, bool]:
    """Check chunks until the time or the room for findings runs out; say if all were checked."""
    run = run.with_checked(name, None, 0) if run.book != name else run
    for chunk in chunks:
        found = [_kept(each) for each in chunk.findings]
        findings = [*run.findings, *found][:MAX_FINDINGS]
        run = replace(run.with_checked(name, chunk.last, chunk.count), findings=findings)
        if deadline.is_over or len(findings) == MAX_FINDINGS:
            return run, False
    return run, True


def _with_boards(run: Run, *, every_product: bool = True) -> Run:
    compared = compare_boards(every_product=every_product)
    if compared is None:
        return run
    found = [_kept(each) for each in compared.findings]
    return replace(
        run,
        checked={**run.checked, BOARDS: compared.products},
        findings=[*run.findings, *found],
    )


def _kept(finding: Finding) -> dict[str, Any]:
    return {**finding.model_dump(), "words": str(finding)}  # JSONB does not keep the facts' order


def _add(shop: Shop, run: Run) -> None:
    RunRepository(shop.uow).add(run)


def _save(shop: Shop, run: Run) -> None:
    RunRepository(shop.uow).save(run)


def _ended(run: Run) -> Run:
    now = clock.now()
    return replace(
        run, ended_at=now, seconds=(now - run.begun_at).total_seconds(), book=None, last_id=None
    )


def _named(findings: Iterable[Mapping[str, Any]], name: str) -> set[UUID]:
    """Return the ids of a book that findings of its rules name."""
    book = books()[name]
    return {UUID(each["facts"][book.fact]) for each in findings if each["rule"] in book.rules}
