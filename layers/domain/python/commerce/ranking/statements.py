"""Statements on ranking weights and on the days' metrics."""

from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Date,
    Double,
    Numeric,
    Text,
    Uuid,
    bindparam,
    cast,
    exists,
    func,
    literal,
    select,
    text,
)

from commerce.ranking.tables import product_metrics_daily, ranking_weights_table
from commerce.runtime.db.core import insert_row
from commerce.runtime.db.statement import Statement
from commerce.runtime.db.tables import once_table

_w, _m, _once = ranking_weights_table.c, product_metrics_daily.c, once_table.c

NEWEST = Statement(
    select(_w.version, _w.view_weight, _w.like_weight, _w.order_weight)
    .order_by(_w.version.desc())
    .limit(1)
)
SET = insert_row(ranking_weights_table)

# --- scores --------------------------------------------------------------------------------------

_DAY = bindparam("day", type_=Date)
_DAYS = _m.day.between(bindparam("first"), _DAY)


def score_of(views: Any, likes: Any, amount: Any) -> Any:
    """Build a product's score: the weighted sum of its counts (spec §9).

    A count below zero is one of which a part has yet to arrive, and counts as zero.
    """
    view, like, order = (
        bindparam(f"{name}_weight", type_=Double) for name in ("view", "like", "order")
    )
    views, likes, amount = (cast(func.greatest(each, 0), Double) for each in (views, likes, amount))
    return view * views + like * likes + order * func.ln(1 + amount)


def score_of_day() -> Any:
    """Build a product's score on `day`: that of its rows, of which older ones were carried over.

    Activity of n days before counts share^n, as it does after n carry-overs.
    """
    carried = func.power(cast(bindparam("share"), Double), _DAY - _m.day)
    score = func.sum(carried * score_of(_m.views, _m.likes, _m.amount))
    return cast(func.round(cast(score, Numeric), literal(9)), Double)


_SCORED = (
    select(_m.product_id, score_of_day().label("score"))
    .where(_DAYS)
    .group_by(_m.product_id)
    .subquery("scored")
)
TOP = Statement(
    select(_SCORED.c.product_id, _SCORED.c.score)
    .where(_SCORED.c.score > 0)
    .order_by(_SCORED.c.score.desc(), _SCORED.c.product_id.desc())
    .limit(bindparam("limit", type_=BigInteger))
    .offset(bindparam("offset", type_=BigInteger))
)

_OF_THE_DAY = (
    select(_m.product_id)
    .where(_m.day == _DAY, _m.product_id > bindparam("after", type_=Uuid))
    .order_by(_m.product_id)
    .limit(bindparam("limit", type_=BigInteger))
)
SCORES = Statement(
    select(_m.product_id, score_of_day().label("score"))
    .where(_DAYS, _m.product_id.in_(_OF_THE_DAY))
    .group_by(_m.product_id)
    .order_by(_m.product_id)
)

# Over all connections: however many ask, for however many days, one core computes. The key is the
# bytes of "ranking".
ONE_AT_A_TIME = Statement(text(f"SELECT pg_advisory_xact_lock({int.from_bytes(b'ranking')})"))

# --- rebuilding a board --------------------------------------------------------------------------

SNAPSHOT = Statement(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
LONG_TIMEOUT = Statement(text("SET LOCAL statement_timeout = '120s'"))
METRICS = Statement(select(*_m).where(_DAYS).order_by(_m.product_id))
_CONSUMER = bindparam("consumer", type_=Text)
COUNTED = Statement(
    select(_once.key).where(
        _once.scope == _CONSUMER,
        _once.answer.is_(None),
        _once.claimed_at >= bindparam("since"),
    )
)
_EVENTS = (
    func.unnest(bindparam("event_ids", type_=ARRAY(Text)))
    .table_valued("key")
    .render_derived(name="events")
)
NOT_COUNTED = Statement(
    select(_EVENTS.c.key).where(
        ~exists().where(_once.scope == _CONSUMER, _once.key == _EVENTS.c.key)
    )
)
