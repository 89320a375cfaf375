"""Periodical rankings in PostgreSQL: chunks are ranked there, and their rows never leave it."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from commerce.ranking.model import CARRIED_FOR, CARRIED_SHARE, Ranked, Weights
from commerce.ranking.periods.errors import RunNotFound
from commerce.ranking.periods.model import (
    TOP,
    ChunkCounts,
    ChunkStatus,
    Period,
    Run,
    RunStatus,
    Span,
)
from commerce.ranking.periods.views import SkippedChunk
from commerce.runtime.db.pipeline import Row
from commerce.runtime.db.statement import precompiled
from commerce.runtime.db.unit_of_work import UnitOfWork
from commerce.shared import clock

if TYPE_CHECKING:
    from commerce.ranking.periods import statements as sql
else:
    sql = precompiled("commerce.ranking.periods.statements")


class SqlPeriodicalRankRepository:
    """Stores the rankings of weeks and months, and the runs that compute them."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def page(self, period: str, key: str, offset: int, limit: int) -> list[Ranked]:
        """Return up to `limit` ranks after the first `offset`; none if nothing is published."""
        found = self._uow.read(
            sql.PAGE(period=str(period), key=key, offset=offset, last=offset + limit)
        )
        return [Ranked(row.rank, row.product_id, row.score) for row in found]

    def local_time(self, at: datetime, time_zone: str) -> datetime:
        """Return the time zone's local time; a function's runtime may have no time zone data."""
        [row] = self._uow.read(sql.LOCAL_TIME(at=at, time_zone=time_zone))
        found: datetime = row.local_time
        return found

    def was_begun(self, span: Span) -> bool:
        """Return True if the span ever had a run."""
        [row] = self._uow.read(sql.WAS_BEGUN(period=span.period.value, key=span.key))
        return bool(row.runs)

    def due_days(self, days: Mapping[date, datetime], time_zone: str, limit: int) -> list[date]:
        """Return the newest of these days that have metrics and no run since their local time."""
        query = sql.DUE_DAYS(
            days=list(days),
            since=list(days.values()),
            time_zone=time_zone,
            carried_for=CARRIED_FOR,
            limit=limit,
        )
        return [row.day for row in self._uow.read(query)]

    def find_by_execution(self, execution: str) -> Run | None:
        """Find the run of an execution."""
        found = self._uow.read(sql.FIND_BY_EXECUTION(execution=execution))
        return _as_run(found[0]) if found else None

    def chunks_of(self, run: Run) -> list[int]:
        """Return the numbers of a run's chunks."""
        return [row.number for row in self._uow.read(sql.NUMBERS(run_id=run.id))]

    def add(self, run: Run, ranges: Sequence[tuple[UUID, UUID]]) -> None:
        """Store a new run with its chunks. Raises Contention if its execution has one already."""
        row = {
            "id": run.id,
            "execution": run.execution,
            "period": run.span.period.value,
            "key": run.span.key,
            "first_day": run.span.first_day,
            "last_day": run.span.last_day,
            "chunk_rows": run.chunk_rows,
            "status": run.status.value,
            "begun_at": run.begun_at,
            "ended_at": run.ended_at,
            "failure": run.failure,
        }
        # None: the loser of a race gets Contention, and its retry finds the execution's run.
        planned = {"planned_once_per_execution": lambda: None}
        self._uow.write(sql.ADD_RUN(**row, **run.weights.by_column()), planned)
        chunks = [
            {
                "run_id": str(run.id),
                "number": number,
                "after_id": str(after_id),
                "upto_id": str(upto_id),
                "status": ChunkStatus.PLANNED.value,
                "rows_read": 0,
                "failure": "",
            }
            for number, (after_id, upto_id) in enumerate(ranges, start=1)
        ]
        if chunks:
            self._uow.write(sql.ADD_CHUNKS(rows=chunks))

    def rank_chunk(self, run_id: UUID, number: int) -> None:
        """Rank a chunk; repeatable. Raises RunNotFound, RunEnded, InvalidData."""
        run, chunk = self._lock_chunk(run_id, number)
        self._uow.write(sql.DELETE_CANDIDATES_OF_CHUNK(run_id=run_id, number=number))
        chosen: dict[str, Any] = {
            "run_id": run_id,
            "number": number,
            "days": run.span.days,
            "after_id": chunk.after_id,
            "upto_id": chunk.upto_id,
            "ranked_at": clock.now(),
            "top": TOP[run.span.period],
            **run.weights.by_column(),
        }
        if run.span.period is Period.DAILY:
            carried = {"day": run.span.last_day, "share": CARRIED_SHARE}
            self._uow.write(sql.RANK_CHUNK_OF_DAY(**chosen, **carried))
        else:
            self._uow.write(sql.RANK_CHUNK(**chosen))

    def skip_chunk(self, run_id: UUID, number: int, failure: str) -> ChunkStatus:
        """Skip a chunk, unless a try whose answer was lost has ranked it; return its status."""
        _, chunk = self._lock_chunk(run_id, number)
        if chunk.status == ChunkStatus.RANKED:
            return ChunkStatus.RANKED
        self._uow.write(sql.SKIP(run_id=run_id, number=number, new_failure=failure))
        return ChunkStatus.SKIPPED

    def lock(self, run_id: UUID) -> tuple[Run, ChunkCounts]:
        """Lock a run, and count its chunks. Raises RunNotFound."""
        found, [counts] = self._uow.lock_together(
            sql.LOCK_RUN(run_id=run_id), sql.COUNTS(run_id=run_id)
        )
        if not found:
            raise RunNotFound(f"There is no run {run_id}.")
        return _as_run(found[0]), ChunkCounts(**counts._asdict())

    def claim_publication(self, run: Run) -> bool:
        """Lock the span's publication for a run, under the run's lock.

        Returns:
            False if a run of the span that began later is published.
        """
        query = sql.PUBLISH(period=run.span.period.value, key=run.span.key, run_id=run.id)
        return bool(self._uow.lock(query))

    def replace_ranks(self, run: Run) -> None:
        """Replace the published ranks of the run's span by the best of its candidates."""
        period, key = run.span.period.value, run.span.key
        self._uow.write(sql.DELETE_RANKS(period=period, key=key))
        top = TOP[run.span.period]
        self._uow.write(sql.ADD_RANKS(period=period, key=key, run_id=run.id, top=top))

    def end(self, run: Run) -> None:
        """Store how a run ended, and delete its candidates."""
        self._uow.write(sql.DELETE_CANDIDATES(run_id=run.id))
        self._uow.write(
            sql.END_RUN(
                run_id=run.id,
                new_status=run.status.value,
                new_ended_at=run.ended_at,
                new_failure=run.failure,
            )
        )

    def newest(self, limit: int) -> list[tuple[Run, ChunkCounts, list[SkippedChunk]]]:
        """Return the runs that began last, newest first, each with its report."""
        return [self.with_report(_as_run(row)) for row in self._uow.read(sql.NEWEST(limit=limit))]

    def with_report(self, run: Run) -> tuple[Run, ChunkCounts, list[SkippedChunk]]:
        """Return a run with the counts of its chunks, and the skipped ones."""
        [counts], skipped = self._uow.read_together(
            sql.COUNTS(run_id=run.id), sql.SKIPPED(run_id=run.id)
        )
        left_out = [SkippedChunk.model_validate(row._asdict()) for row in skipped]
        return run, ChunkCounts(**counts._asdict()), left_out

    def _lock_chunk(self, run_id: UUID, number: int) -> tuple[Run, Row]:
        runs, chunks = self._uow.lock_together(
            sql.SHARE_RUN(run_id=run_id), sql.LOCK_CHUNK(run_id=run_id, number=number)
        )
        if not chunks:
            raise RunNotFound(f"There is no chunk {number} of a run {run_id}.")
        run = _as_run(runs[0])
        run.require_running()
        return run, chunks[0]


def _as_run(row: Row) -> Run:
    return Run(
        id=row.id,
        execution=row.execution,
        span=Span(Period(row.period), row.key, row.first_day, row.last_day),
        chunk_rows=row.chunk_rows,
        weights=Weights(view=row.view_weight, like=row.like_weight, order=row.order_weight),
        begun_at=row.begun_at,
        status=RunStatus(row.status),
        ended_at=row.ended_at,
        failure=row.failure,
    )
