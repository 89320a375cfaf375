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
    delete,
    func,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert

from commerce.ranking.periods.model import TOP, ChunkStatus
from commerce.ranking.periods.tables import (
    product_rank_table,
    ranking_candidate_table,
    ranking_chunk_table,
    ranking_publication_table,
    ranking_run_table,
)
from commerce.ranking.statements import score_of
from commerce.ranking.tables import product_metrics_daily
from commerce.runtime.db.core import insert_many, insert_row
from commerce.runtime.db.statement import Statement

_rank, _run = product_rank_table.c, ranking_run_table.c
_chunk, _candidate = ranking_chunk_table.c, ranking_candidate_table.c
_published, _metrics = ranking_publication_table.c, product_metrics_daily.c

_RUN_ID = bindparam("run_id", type_=Uuid)
_NUMBER = bindparam("number", type_=Integer)
_PERIOD, _KEY = bindparam("period", type_=Text), bindparam("key", type_=Text)

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


def _rank_chunk() -> Any:
    """Rank the chunk's products, store its best, and count the rows read, in one statement."""
    summed = (
        select(
            _metrics.product_id,
            *(
                # A sum that exceeds 64 bits fails the statement: InvalidData.
                cast(func.sum(each), BigInteger).label(each.name)
                for each in (_metrics.views, _metrics.likes, _metrics.amount)
            ),
            func.count().label("rows"),
        )
        # Day by day: the index leads with the day, and orders each day's rows by product.
        .where(
            _metrics.day == any_(bindparam("days", type_=ARRAY(Date))),
            _metrics.product_id > bindparam("after_id", type_=Uuid),
            _metrics.product_id <= bindparam("upto_id", type_=Uuid),
        )
        .group_by(_metrics.product_id)
        .cte("summed")
    )
    scored = select(
        summed.c.product_id,
        score_of(summed.c.views, summed.c.likes, summed.c.amount).label("score"),
    ).subquery()
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
    stored = (
        insert(ranking_candidate_table)
        .from_select(["run_id", "number", "product_id", "score", "ranked_at"], best)
        .returning(_candidate.product_id)
        .cte("stored")
    )
    read = select(cast(func.coalesce(func.sum(summed.c.rows), 0), BigInteger)).scalar_subquery()
    return (
        update(ranking_chunk_table)
        .where(_chunk.run_id == _RUN_ID, _chunk.number == _NUMBER)
        .values(status=ChunkStatus.RANKED.value, rows_read=read, failure="")
        .add_cte(stored)
    )


RANK_CHUNK = Statement(_rank_chunk)

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
        .limit(literal(TOP, BigInteger)),
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
