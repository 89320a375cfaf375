"""Periodical rankings in PostgreSQL: a chunk is ranked there, and never leaves it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    DateTime,
    Double,
    Integer,
    Text,
    Uuid,
    bindparam,
    cast,
    delete,
    func,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert

from commerce.metrics import ProductRange, product_sums
from commerce.ranking.model import Ranked, Weights
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
from commerce.ranking.periods.tables import (
    product_rank_table,
    ranking_candidate_table,
    ranking_chunk_table,
    ranking_publication_table,
    ranking_run_table,
)
from commerce.ranking.periods.views import SkippedChunk
from commerce.shared import clock
from commerce.shared.database import Row, Statement, insert_many
from commerce.shared.unit_of_work import UnitOfWork

_rank, _run = product_rank_table.c, ranking_run_table.c
_chunk, _candidate = ranking_chunk_table.c, ranking_candidate_table.c
_published = ranking_publication_table.c

_RUN_ID = bindparam("run_id", type_=Uuid)
_NUMBER = bindparam("number", type_=Integer)
_PERIOD, _KEY = bindparam("period", type_=Text), bindparam("key", type_=Text)

# --- runs ----------------------------------------------------------------------------------------

_ADD_RUN = Statement(
    insert(ranking_run_table).values({each.name: bindparam(each.name) for each in _run})
)
_ADD_CHUNKS = insert_many(
    ranking_chunk_table,
    *("run_id", "number", "after_id", "upto_id", "status", "rows_read", "failure"),
)
_FIND_BY_EXECUTION = Statement(
    select(*_run).where(_run.execution == bindparam("execution", type_=Text))
)
_NUMBERS = Statement(select(_chunk.number).where(_chunk.run_id == _RUN_ID).order_by(_chunk.number))
_LOCK_RUN = Statement(select(*_run).where(_run.id == _RUN_ID).with_for_update())
_COUNTS = Statement(
    select(
        *(
            func.count().filter(_chunk.status == status).label(status.lower())
            for status in ChunkStatus
        ),
        cast(func.coalesce(func.sum(_chunk.rows_read), 0), BigInteger).label("rows_read"),
    ).where(_chunk.run_id == _RUN_ID)
)
_END_RUN = Statement(
    update(ranking_run_table)
    .where(_run.id == _RUN_ID)
    .values({name: bindparam(f"new_{name}") for name in ("status", "ended_at", "failure")})
)
_WAS_BEGUN = Statement(
    select(func.count().label("runs")).where(_run.period == _PERIOD, _run.key == _KEY)
)
_LOCAL_TIME = Statement(
    select(
        func.timezone(
            bindparam("time_zone", type_=Text), bindparam("at", type_=DateTime(timezone=True))
        ).label("local_time")
    )
)
_NEWEST = Statement(
    select(*_run).order_by(_run.begun_at.desc()).limit(bindparam("limit", type_=BigInteger))
)
_SKIPPED = Statement(
    select(_chunk.number, _chunk.after_id, _chunk.upto_id, _chunk.failure)
    .where(_chunk.run_id == _RUN_ID, _chunk.status == ChunkStatus.SKIPPED)
    .order_by(_chunk.number)
)

# --- a chunk -------------------------------------------------------------------------------------

# Many chunks of a run are ranked at once; but not while it ends, nor after.
_SHARE_RUN = Statement(select(*_run).where(_run.id == _RUN_ID).with_for_update(read=True))
_LOCK_CHUNK = Statement(
    select(_chunk.status, _chunk.after_id, _chunk.upto_id)
    .where(_chunk.run_id == _RUN_ID, _chunk.number == _NUMBER)
    .with_for_update()
)
_DROP_CANDIDATES_OF_CHUNK = Statement(
    delete(ranking_candidate_table).where(
        _candidate.run_id == _RUN_ID, _candidate.number == _NUMBER
    )
)
_SKIP = Statement(
    update(ranking_chunk_table)
    .where(_chunk.run_id == _RUN_ID, _chunk.number == _NUMBER)
    .values(status=ChunkStatus.SKIPPED.value, rows_read=0, failure=bindparam("new_failure"))
)


def _weighed(views: Any, likes: Any, amount: Any) -> Any:
    """SPEC §8: the weighed sum of the parts. What more was cancelled than bought counts against."""
    amount = cast(amount, Double)
    order = func.sign(amount) * func.ln(1 + func.abs(amount))
    parts = {"view": cast(views, Double), "like": cast(likes, Double), "order": order}
    view, like, order = (
        bindparam(f"{name}_weight", type_=Double) * part for name, part in parts.items()
    )
    return view + like + order


def _rank_chunk() -> Any:
    """Rank the chunk's products, keep its best, and note how much was read: one statement."""
    summed = product_sums().cte("summed")
    scored = (
        select(
            summed.c.product_id,
            _weighed(summed.c.views, summed.c.likes, summed.c.amount).label("score"),
        )
        .select_from(summed)
        .subquery()
    )
    best = (
        select(
            _RUN_ID,
            _NUMBER,
            scored.c.product_id,
            scored.c.score,
            bindparam("ranked_at", type_=DateTime(timezone=True)),
        )
        .where(scored.c.score > 0)
        .order_by(scored.c.score.desc(), scored.c.product_id.desc())
        .limit(literal(TOP, BigInteger))
    )
    kept = (
        insert(ranking_candidate_table)
        .from_select(["run_id", "number", "product_id", "score", "ranked_at"], best)
        .returning(_candidate.product_id)
        .cte("kept")
    )
    read = select(cast(func.coalesce(func.sum(summed.c.rows), 0), BigInteger)).scalar_subquery()
    return (
        update(ranking_chunk_table)
        .where(_chunk.run_id == _RUN_ID, _chunk.number == _NUMBER)
        .values(status=ChunkStatus.RANKED.value, rows_read=read, failure="")
        .add_cte(kept)
    )


_RANK_CHUNK = Statement(_rank_chunk)

# --- what is shown -------------------------------------------------------------------------------

# The row is locked from here on. Nothing comes back where a run that began later was published.
_CLAIM_PUBLICATION = upsert(ranking_publication_table).values(
    period=_PERIOD, key=_KEY, run_id=_RUN_ID
)
_PUBLISH = Statement(
    _CLAIM_PUBLICATION.on_conflict_do_update(
        constraint="published_by_one_run",
        set_={"run_id": _CLAIM_PUBLICATION.excluded.run_id},
        where=_published.run_id <= _CLAIM_PUBLICATION.excluded.run_id,
    ).returning(_published.run_id)
)
_DROP_RANKS = Statement(
    delete(product_rank_table).where(_rank.period == _PERIOD, _rank.key == _KEY)
)
_PLACE = func.row_number().over(
    order_by=[_candidate.score.desc(), _candidate.product_id.desc()]  # of two, the newer product
)
_KEEP_RANKS = Statement(
    insert(product_rank_table).from_select(
        ["period", "key", "rank", "product_id", "score"],
        select(
            _PERIOD,
            _KEY,
            cast(_PLACE, Integer),
            _candidate.product_id,
            _candidate.score,
        )
        .where(_candidate.run_id == _RUN_ID)
        .order_by(_candidate.score.desc(), _candidate.product_id.desc())
        .limit(literal(TOP, BigInteger)),
    )
)
_DROP_CANDIDATES = Statement(delete(ranking_candidate_table).where(_candidate.run_id == _RUN_ID))
_PAGE = Statement(
    select(_rank.rank, _rank.product_id, _rank.score)
    .where(
        _rank.period == _PERIOD,
        _rank.key == _KEY,
        _rank.rank > bindparam("offset", type_=Integer),
        _rank.rank <= bindparam("last", type_=Integer),
    )
    .order_by(_rank.rank)
)


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
            _PAGE(period=str(period), key=key, offset=offset, last=offset + limit)
        )
        return [Ranked(row.rank, row.product_id, row.score) for row in found]

    def local_time(self, at: datetime, time_zone: str) -> datetime:
        """What the clocks of the time zone show. PostgreSQL knows; a function's runtime may not."""
        [row] = self._uow.read(_LOCAL_TIME(at=at, time_zone=time_zone))
        found: datetime = row.local_time
        return found

    def was_begun(self, span: Span) -> bool:
        """Whether there ever was a run."""
        [row] = self._uow.read(_WAS_BEGUN(period=span.period.value, key=span.key))
        return bool(row.runs)

    def find_by_execution(self, execution: str) -> Run | None:
        """The run of an execution."""
        found = self._uow.read(_FIND_BY_EXECUTION(execution=execution))
        return _as_run(found[0]) if found else None

    def chunks_of(self, run: Run) -> list[int]:
        """The numbers of its chunks."""
        return [row.number for row in self._uow.read(_NUMBERS(run_id=run.id))]

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
        self._uow.write(_ADD_RUN(**row, **_weights(run)), planned)
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
            self._uow.write(_ADD_CHUNKS(rows=chunks))

    def rank_chunk(self, run_id: UUID, number: int) -> None:
        """Rank a chunk, anew if it was. Raises RunNotFound, RunEnded, InvalidData."""
        run, chunk = self._lock_chunk(run_id, number)
        self._uow.write(_DROP_CANDIDATES_OF_CHUNK(run_id=run_id, number=number))
        self._uow.write(
            _RANK_CHUNK(
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
        self._uow.write(_SKIP(run_id=run_id, number=number, new_failure=failure))
        return ChunkStatus.SKIPPED

    def lock(self, run_id: UUID) -> tuple[Run, ChunkCounts]:
        """A run that nobody else ends, and how its chunks stand. Raises RunNotFound."""
        found, [counts] = self._uow.lock_together(_LOCK_RUN(run_id=run_id), _COUNTS(run_id=run_id))
        if not found:
            raise RunNotFound(f"There is no run {run_id}.")
        return _as_run(found[0]), ChunkCounts(**counts._asdict())

    def claim_publication(self, run: Run) -> bool:
        """Whether no run of the span that began later is shown; nobody else publishes until then.

        Call it under the run's lock.
        """
        query = _PUBLISH(period=run.span.period.value, key=run.span.key, run_id=run.id)
        return bool(self._uow.lock(query))

    def swap_in(self, run: Run) -> None:
        """Show the best of the run's candidates in the place of what is shown of its span."""
        names: Mapping[str, Any] = {"period": run.span.period.value, "key": run.span.key}
        self._uow.write(_DROP_RANKS(**names))
        self._uow.write(_KEEP_RANKS(**names, run_id=run.id))

    def end(self, run: Run) -> None:
        """Write down how it ended; its candidates are not needed any more."""
        self._uow.write(_DROP_CANDIDATES(run_id=run.id))
        self._uow.write(
            _END_RUN(
                run_id=run.id,
                new_status=run.status.value,
                new_ended_at=run.ended_at,
                new_failure=run.failure,
            )
        )

    def newest(self, limit: int) -> list[tuple[Run, ChunkCounts, list[SkippedChunk]]]:
        """The runs that began last, newest first, each with its chunks' counts and skipped ones."""
        return [self.with_report(_as_run(row)) for row in self._uow.read(_NEWEST(limit=limit))]

    def with_report(self, run: Run) -> tuple[Run, ChunkCounts, list[SkippedChunk]]:
        """A run with its chunks' counts and its skipped ones."""
        [counts], skipped = self._uow.read_together(_COUNTS(run_id=run.id), _SKIPPED(run_id=run.id))
        shown = [SkippedChunk.model_validate(row._asdict()) for row in skipped]
        return run, ChunkCounts(**counts._asdict()), shown

    def _lock_chunk(self, run_id: UUID, number: int) -> tuple[Run, Row]:
        runs, chunks = self._uow.lock_together(
            _SHARE_RUN(run_id=run_id), _LOCK_CHUNK(run_id=run_id, number=number)
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
