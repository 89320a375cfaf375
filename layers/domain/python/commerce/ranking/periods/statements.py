"""Statements on periodical rankings."""

from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Date,
    DateTime,
    Integer,
    Text,
    Uuid,
    any_,
    bindparam,
    cast,
    column,
    delete,
    exists,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert

from commerce.ranking.periods.model import ChunkStatus, Period
from commerce.ranking.periods.tables import (
    product_rank_table,
    ranking_candidate_table,
    ranking_chunk_table,
    ranking_publication_table,
    ranking_run_table,
)
from commerce.ranking.statements import score_of, score_of_day
from commerce.ranking.tables import product_metrics_daily
from commerce.runtime.db.core import delete_older, insert_many, insert_row
from commerce.runtime.db.statement import Statement

_rank, _run = product_rank_table.c, ranking_run_table.c
_chunk, _candidate = ranking_chunk_table.c, ranking_candidate_table.c
_published, _metrics = ranking_publication_table.c, product_metrics_daily.c

_RUN_ID = bindparam("run_id", type_=Uuid)
_NUMBER = bindparam("number", type_=Integer)
_PERIOD, _KEY = bindparam("period", type_=Text), bindparam("key", type_=Text)
_TOP = bindparam("top", type_=BigInteger)

# --- runs ----------------------------------------------------------------------------------------

ADD_RUN = insert_row(ranking_run_table)
ADD_CHUNKS = insert_many(
    ranking_chunk_table,
    *("run_id", "number", "after_id", "upto_id", "status", "rows_read", "failure"),
)
FIND_BY_EXECUTION = Statement(
    select(*_run).where(_run.execution == bindparam("execution", type_=Text))
)
NUMBERS = Statement(select(_chunk.number).where(_chunk.run_id == _RUN_ID).order_by(_chunk.number))
LOCK_RUN = Statement(select(*_run).where(_run.id == _RUN_ID).with_for_update())
COUNTS = Statement(
    select(
        *(
            func.count().filter(_chunk.status == status).label(status.lower())
            for status in ChunkStatus
        ),
        cast(func.coalesce(func.sum(_chunk.rows_read), 0), BigInteger).label("rows_read"),
    ).where(_chunk.run_id == _RUN_ID)
)
END_RUN = Statement(
    update(ranking_run_table)
    .where(_run.id == _RUN_ID)
    .values({name: bindparam(f"new_{name}") for name in ("status", "ended_at", "failure")})
)
WAS_BEGUN = Statement(
    select(func.count().label("runs")).where(_run.period == _PERIOD, _run.key == _KEY)
)


def _due_days() -> Any:
    """Select the first days that have something to rank and no run since the given moment."""
    days = (
        func.unnest(bindparam("days", type_=ARRAY(Date)), bindparam("since", type_=ARRAY(DateTime)))
        .table_valued(column("day", Date), column("since", DateTime))
        .render_derived(name="days")
    )
    begun_at = func.timezone(bindparam("time_zone", type_=Text), _run.begun_at)
    has_run = exists().where(
        _run.period == Period.DAILY.value,
        _run.key == func.to_char(days.c.day, "YYYYMMDD"),
        begun_at >= days.c.since,
    )
    has_metrics = exists().where(
        _metrics.day.between(days.c.day - bindparam("carried_for", type_=Integer), days.c.day)
    )
    return (
        select(days.c.day)
        .where(has_metrics, ~has_run)
        .order_by(days.c.day.desc())
        .limit(bindparam("limit", type_=BigInteger))
    )


DUE_DAYS = Statement(_due_days)
LOCAL_TIME = Statement(
    select(
        func.timezone(
            bindparam("time_zone", type_=Text), bindparam("at", type_=DateTime(timezone=True))
        ).label("local_time")
    )
)
NEWEST = Statement(
    select(*_run).order_by(_run.begun_at.desc()).limit(bindparam("limit", type_=BigInteger))
)
SKIPPED = Statement(
    select(_chunk.number, _chunk.after_id, _chunk.upto_id, _chunk.failure)
    .where(_chunk.run_id == _RUN_ID, _chunk.status == ChunkStatus.SKIPPED)
    .order_by(_chunk.number)
)

# --- a chunk -------------------------------------------------------------------------------------

# Shared: chunks of a run are ranked concurrently, but none while the run ends.
SHARE_RUN = Statement(select(*_run).where(_run.id == _RUN_ID).with_for_update(read=True))
LOCK_CHUNK = Statement(
    select(_chunk.status, _chunk.after_id, _chunk.upto_id)
    .where(_chunk.run_id == _RUN_ID, _chunk.number == _NUMBER)
    .with_for_update()
)
DELETE_CANDIDATES_OF_CHUNK = Statement(
    delete(ranking_candidate_table).where(
        _candidate.run_id == _RUN_ID, _candidate.number == _NUMBER
    )
)
SKIP = Statement(
    update(ranking_chunk_table)
    .where(_chunk.run_id == _RUN_ID, _chunk.number == _NUMBER)
    .values(status=ChunkStatus.SKIPPED.value, rows_read=0, failure=bindparam("new_failure"))
)


def _rank_chunk(score: Any) -> Any:
    """Rank the chunk's products by a score of all their rows, and store its best.

    One statement, which also counts the rows read.
    """
    scored = (
        select(_metrics.product_id, score.label("score"), func.count().label("rows"))
        # Day by day: the index leads with the day, and orders each day's rows by product.
        .where(
            _metrics.day == any_(bindparam("days", type_=ARRAY(Date))),
            _metrics.product_id > bindparam("after_id", type_=Uuid),
            _metrics.product_id <= bindparam("upto_id", type_=Uuid),
        )
        .group_by(_metrics.product_id)
        .cte("scored")
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
        .limit(_TOP)
    )
    stored = (
        insert(ranking_candidate_table)
        .from_select(["run_id", "number", "product_id", "score", "ranked_at"], best)
        .returning(_candidate.product_id)
        .cte("stored")
    )
    read = select(cast(func.coalesce(func.sum(scored.c.rows), 0), BigInteger)).scalar_subquery()
    return (
        update(ranking_chunk_table)
        .where(_chunk.run_id == _RUN_ID, _chunk.number == _NUMBER)
        .values(status=ChunkStatus.RANKED.value, rows_read=read, failure="")
        .add_cte(stored)
    )


def _score_of_sums() -> Any:
    # A sum that exceeds 64 bits fails the statement: InvalidData.
    counts = (_metrics.views, _metrics.likes, _metrics.amount)
    return score_of(*(cast(func.sum(each), BigInteger) for each in counts))


RANK_CHUNK = Statement(lambda: _rank_chunk(_score_of_sums()))
RANK_CHUNK_OF_DAY = Statement(lambda: _rank_chunk(score_of_day()))

# --- published ranks -----------------------------------------------------------------------------

# Locks the row. Returns nothing if a run that began later is published.
_CLAIM_PUBLICATION = upsert(ranking_publication_table).values(
    period=_PERIOD, key=_KEY, run_id=_RUN_ID
)
PUBLISH = Statement(
    _CLAIM_PUBLICATION.on_conflict_do_update(
        constraint="published_by_one_run",
        set_={"run_id": _CLAIM_PUBLICATION.excluded.run_id},
        where=_published.run_id <= _CLAIM_PUBLICATION.excluded.run_id,
    ).returning(_published.run_id)
)
DELETE_RANKS = Statement(
    delete(product_rank_table).where(_rank.period == _PERIOD, _rank.key == _KEY)
)
_PLACE = func.row_number().over(
    order_by=[_candidate.score.desc(), _candidate.product_id.desc()]  # ties: the newer product
)
ADD_RANKS = Statement(
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
        .limit(_TOP),
    )
)
DELETE_CANDIDATES = Statement(delete(ranking_candidate_table).where(_candidate.run_id == _RUN_ID))
PAGE = Statement(
    select(_rank.rank, _rank.product_id, _rank.score)
    .where(
        _rank.period == _PERIOD,
        _rank.key == _KEY,
        _rank.rank > bindparam("offset", type_=Integer),
        _rank.rank <= bindparam("last", type_=Integer),
    )
    .order_by(_rank.rank)
)

# --- retention -----------------------------------------------------------------------------------

DELETE_OLD_CANDIDATES = delete_older(ranking_candidate_table, _candidate.ranked_at)
DELETE_OLD_RUNS = delete_older(ranking_run_table, ranking_run_table.c.begun_at)
