"""Periodical rankings in PostgreSQL: a chunk is ranked there, and never leaves it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from commerce.metrics import ProductRange
from commerce.ranking.model import Ranked, Weights
from commerce.ranking.periods.errors import RunNotFound
from commerce.ranking.periods.model import (
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


class PeriodicalRankRepository(Protocol):
    """Where the rankings of weeks and months are kept."""

    def page(self, period: str, key: str, offset: int, limit: int) -> list[Ranked]:
        """So many places after the first `offset`; none where nothing is ranked."""


class SqlPeriodicalRankRepository:
    """The rankings of the database, and the runs that make them."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def page(self, period: str, key: str, offset: int, limit: int) -> list[Ranked]:
        found = self._uow.read(
            sql.PAGE(period=str(period), key=key, offset=offset, last=offset + limit)
        )
        return [Ranked(row.rank, row.product_id, row.score) for row in found]

    def local_time(self, at: datetime, time_zone: str) -> datetime:
        """What the clocks of the time zone show. PostgreSQL knows; a function's runtime may not."""
        [row] = self._uow.read(sql.LOCAL_TIME(at=at, time_zone=time_zone))
        found: datetime = row.local_time
        return found

    def was_begun(self, span: Span) -> bool:
        """Whether there ever was a run."""
        [row] = self._uow.read(sql.WAS_BEGUN(period=span.period.value, key=span.key))
        return bool(row.runs)

    def find_by_execution(self, execution: str) -> Run | None:
        """The run of an execution."""
        found = self._uow.read(sql.FIND_BY_EXECUTION(execution=execution))
        return _as_run(found[0]) if found else None

    def chunks_of(self, run: Run) -> list[int]:
        """The numbers of its chunks."""
        return [row.number for row in self._uow.read(sql.NUMBERS(run_id=run.id))]

    def add(self, run: Run, ranges: Sequence[ProductRange]) -> None:
        """Keep a new run with its chunks. Whoever plans the same execution at once is second."""
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
        # Nobody finds a fresh reason: the run is there now, and trying again returns it.
        planned = {"planned_once_per_execution": lambda: None}
        self._uow.write(sql.ADD_RUN(**row, **_weights(run)), planned)
        chunks = [
            {
                "run_id": str(run.id),
                "number": number,
                "after_id": str(each.after_id),
                "upto_id": str(each.upto_id),
                "status": ChunkStatus.PLANNED.value,
                "rows_read": 0,
                "failure": "",
            }
            for number, each in enumerate(ranges, start=1)
        ]
        if chunks:
            self._uow.write(sql.ADD_CHUNKS(rows=chunks))

    def rank_chunk(self, run_id: UUID, number: int) -> None:
        """Rank a chunk, anew if it was. Raises RunNotFound, RunEnded, InvalidData."""
        run, chunk = self._lock_chunk(run_id, number)
        self._uow.write(sql.DROP_CANDIDATES_OF_CHUNK(run_id=run_id, number=number))
        self._uow.write(
            sql.RANK_CHUNK(
                run_id=run_id,
                number=number,
                days=run.span.days,
                after_id=chunk.after_id,
                upto_id=chunk.upto_id,
                ranked_at=clock.now(),
                **_weights(run),
            )
        )

    def skip_chunk(self, run_id: UUID, number: int, failure: str) -> ChunkStatus:
        """Leave a chunk out, unless a try of which nobody heard has ranked it."""
        _, chunk = self._lock_chunk(run_id, number)
        if chunk.status == ChunkStatus.RANKED:
            return ChunkStatus.RANKED
        self._uow.write(sql.SKIP(run_id=run_id, number=number, new_failure=failure))
        return ChunkStatus.SKIPPED

    def lock(self, run_id: UUID) -> tuple[Run, ChunkCounts]:
        """A run that nobody else ends, and how its chunks stand. Raises RunNotFound."""
        found, [counts] = self._uow.lock_together(
            sql.LOCK_RUN(run_id=run_id), sql.COUNTS(run_id=run_id)
        )
        if not found:
            raise RunNotFound(f"There is no run {run_id}.")
        return _as_run(found[0]), ChunkCounts(**counts._asdict())

    def claim_publication(self, run: Run) -> bool:
        """Whether no run of the span that began later is shown; nobody else publishes until then.

        Call it under the run's lock.
        """
        query = sql.PUBLISH(period=run.span.period.value, key=run.span.key, run_id=run.id)
        return bool(self._uow.lock(query))

    def swap_in(self, run: Run) -> None:
        """Show the best of the run's candidates in the place of what is shown of its span."""
        names: Mapping[str, Any] = {"period": run.span.period.value, "key": run.span.key}
        self._uow.write(sql.DROP_RANKS(**names))
        self._uow.write(sql.KEEP_RANKS(**names, run_id=run.id))

    def end(self, run: Run) -> None:
        """Write down how it ended; its candidates are not needed any more."""
        self._uow.write(sql.DROP_CANDIDATES(run_id=run.id))
        self._uow.write(
            sql.END_RUN(
                run_id=run.id,
                new_status=run.status.value,
                new_ended_at=run.ended_at,
                new_failure=run.failure,
            )
        )

    def newest(self, limit: int) -> list[tuple[Run, ChunkCounts, list[SkippedChunk]]]:
        """The runs that began last, newest first, each with its chunks' counts and skipped ones."""
        return [self.with_report(_as_run(row)) for row in self._uow.read(sql.NEWEST(limit=limit))]

    def with_report(self, run: Run) -> tuple[Run, ChunkCounts, list[SkippedChunk]]:
        """A run with its chunks' counts and its skipped ones."""
        [counts], skipped = self._uow.read_together(
            sql.COUNTS(run_id=run.id), sql.SKIPPED(run_id=run.id)
        )
        shown = [SkippedChunk.model_validate(row._asdict()) for row in skipped]
        return run, ChunkCounts(**counts._asdict()), shown

    def _lock_chunk(self, run_id: UUID, number: int) -> tuple[Run, Row]:
        runs, chunks = self._uow.lock_together(
            sql.SHARE_RUN(run_id=run_id), sql.LOCK_CHUNK(run_id=run_id, number=number)
        )
        if not chunks:
            raise RunNotFound(f"There is no chunk {number} of a run {run_id}.")
        run = _as_run(runs[0])
        run.require_running()
        return run, chunks[0]


def _weights(run: Run) -> dict[str, float]:
    return {
        "view_weight": run.weights.view,
        "like_weight": run.weights.like,
        "order_weight": run.weights.order,
    }


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
