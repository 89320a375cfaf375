"""The scheduled reconciliation: incremental each time, and the full one in parts.

An incremental run looks at what changed since a run of at least twenty minutes ago, so that each
change is looked at again when the rules that allow ten minutes no longer do. It also looks again at
all that was found last, and what it could not look at again stands: its findings are those that
stand. After a long pause, or where more changed than a run may hold, it looks at the newest, and a
full run begins at once. Only reads take place in between: two runs at once do no harm, and of a
full run's part the first that is stored counts.
"""

import logging
from collections.abc import Collection, Iterable, Mapping
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
from commerce.app.reconciliation.runs.boards import RULE, compare_boards
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
LONGEST_LOOK_BACK = timedelta(hours=1)  # after a longer pause a full run covers the rest
FULL_SECONDS = 120.0  # of a full run in one invocation, which has five minutes
INCREMENTAL_SECONDS = 100.0  # and up to a minute more for the boards
_MARGIN = 1_000  # transactions that may begin between two reads of their number
_OLDEST = 2**31 - 2  # PostgreSQL's ages end here

logger = logging.getLogger(__name__)


def check_books() -> tuple[Run, Run | None]:
    """Go on with the full run where one is due, then run incrementally; return both.

    A part of the full run that fails does not stop the other: None stands for it.
    """
    full: Run | None = None
    try:
        full = _go_on_with_the_full_run()
    except Exception:
        logger.exception("a part of the full run failed; the next invocation repeats it")
    return _run_incrementally(full.findings if full else []), full


@dataclass(frozen=True, slots=True)
class Ages:
    """Seconds since the newest complete runs began; None where there is none.

    Without a complete full run its age is that of the first one kept, so that its alarm rings
    though none has ever been completed. A missing incremental age rings by itself.
    """

    incremental: float | None
    full: float | None


def ages_seconds() -> Ages:
    """Return how old the newest complete runs are."""
    now = clock.now()

    def age(run: Run | None) -> float | None:
        return None if run is None else (now - run.begun_at).total_seconds()

    def ages(shop: Shop) -> Ages:
        runs = RunRepository(shop.uow)
        full = runs.newest_complete(Kind.FULL, now) or runs.oldest(Kind.FULL)
        return Ages(age(runs.newest_complete(Kind.INCREMENTAL, now)), age(full))

    return in_transaction(ages)


def _run_incrementally(found_by_full: list[dict[str, Any]]) -> Run:
    deadline = Deadline.within(INCREMENTAL_SECONDS)
    begun = in_transaction(_begin_incremental)
    reconciler, run, reached = Reconciler(database()), begun.run, set[str]()
    stands = [*begun.last_findings, *found_by_full]
    for name in books():
        if deadline.is_over:
            break
        try:
            ids = reconciler.changed(name, since=begun.since, transactions=begun.transactions)
            chunks = reconciler.chunks(name, ids | _named(stands, name))
            run, is_done = _check(run, name, chunks, deadline)
        except Busy:
            logger.warning("the %s were not checked: a statement took too long", name)
            continue
        reached |= {name} if is_done else set()
    run = _with_boards(run, begun.unequal)
    again = {rule for name in reached for rule in books()[name].rules}
    again |= {RULE} if BOARDS in run.checked else set()
    run = replace(
        run,
        findings=_distinct(
            [*run.findings, *(each for each in stands if each["rule"] not in again)]
        ),
        is_complete=reached == set(books()),
    )
    run = _ended(run)
    in_transaction(_add, run)
    return run


@dataclass(frozen=True, slots=True)
class _Begun:
    """An incremental run, how far it looks back, and what the run before has found."""

    run: Run
    since: datetime
    transactions: int
    last_findings: list[dict[str, Any]]
    unequal: set[UUID]


def _begin_incremental(shop: Shop) -> _Begun:
    runs, now = RunRepository(shop.uow), clock.now()
    oldest, next_ = runs.transactions()
    base, last = _base(runs, now), runs.newest(Kind.INCREMENTAL)
    since, transactions = now - LONGEST_LOOK_BACK, _MARGIN
    if base is not None:
        since = max(since, base.begun_at)
        written = max(0, next_ - base.oldest_transaction)  # below 0 on another server
        transactions = min(written + _MARGIN, _OLDEST)
    return _Begun(
        Run(clock.new_id(), Kind.INCREMENTAL, now, oldest),
        since,
        transactions,
        last.findings if last else [],
        {UUID(each) for each in last.unequal} if last else set(),
    )


def _base(runs: RunRepository, now: datetime) -> Run | None:
    """Return the complete run since which an incremental one looks; None where there is none."""
    return (
        runs.newest_complete(Kind.INCREMENTAL, now - OVERLAP)
        or runs.oldest_complete(Kind.INCREMENTAL)
        or runs.newest_complete(Kind.FULL, now)
    )


def _is_more_than_an_incremental_run_covers(runs: RunRepository, now: datetime) -> bool:
    base, last = _base(runs, now), runs.newest(Kind.INCREMENTAL)
    if base is None or base.begun_at < now - LONGEST_LOOK_BACK:
        return True
    _, next_ = runs.transactions()
    is_capped = last is not None and any(
        last.checked.get(each, 0) >= MAX_CHANGED for each in books()
    )
    return is_capped or next_ < base.oldest_transaction


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
        run = replace(run, is_complete=done, ended_at=clock.now())
    try:
        in_transaction(_save, run)
    except Busy:
        logger.info("another invocation has stored this part of the full run")
    return run


def _due_full_run(shop: Shop) -> Run:
    """Return the full run that is under way, else a new one if one is due, else the last one."""
    runs, now = RunRepository(shop.uow), clock.now()
    newest = runs.newest(Kind.FULL)
    if newest is not None and newest.ended_at is None:
        return newest
    due = _last_night(now)
    if _is_more_than_an_incremental_run_covers(runs, now):
        due = max(due, now - LONGEST_LOOK_BACK)
    if newest is not None and newest.begun_at >= due:
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


def _with_boards(run: Run, before: Collection[UUID]) -> Run:
    compared = compare_boards(before)
    if compared is None:
        return run
    found = [_kept(each) for each in compared.findings]
    return replace(
        run,
        checked={**run.checked, BOARDS: compared.products},
        findings=[*run.findings, *found],
        unequal=[str(each) for each in compared.unequal],
    )


def _distinct(findings: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({each["words"]: each for each in findings}.values())[:MAX_FINDINGS]


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
