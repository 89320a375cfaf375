"""Statements of the like context: text() where a write records its event, else Core."""

from sqlalchemy import BigInteger, Uuid, bindparam, select, text
from sqlalchemy.dialects.postgresql import JSONB

from commerce.like.tables import product_like_table
from commerce.runtime.db.statement import Statement

_l = product_like_table.c

_LIKED_AT = """, 'liked_at',
        to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""


# Only the statement knows if a like is new, so it records the event too.
def _record_event(more: str = "", event_id: str = "CAST(:event_id AS uuid)") -> str:
    return f"""
    INSERT INTO outbox (id, source, type, occurred_at, aggregate_id, aggregate_version,
        trace_id, data)
    SELECT {event_id}, 'commerce.like', CAST(:type AS text),
        CAST(:at AS timestamptz), id, CAST(:version AS bigint), CAST(:trace_id AS text),
        jsonb_build_object('user_id', user_id, 'product_id', product_id{more})
    FROM changed
    RETURNING id
    """  # noqa: S608  (the text is ours)


ADD = Statement(
    text(f"""
    WITH changed AS (
        INSERT INTO product_like (user_id, product_id, id, created_at)
        VALUES (:user_id, :product_id, :id, :at)
        ON CONFLICT DO NOTHING
        RETURNING id, user_id, product_id
    ) {_record_event()}
    """)  # noqa: S608  (no value is interpolated)
)
REMOVE = Statement(
    text(f"""
    WITH changed AS (
        DELETE FROM product_like WHERE user_id = :user_id AND product_id = :product_id
        RETURNING id, user_id, product_id, created_at
    ) {_record_event(_LIKED_AT)}
    """)  # noqa: S608
)
LIKED = Statement(select(_l.product_id).where(_l.user_id == bindparam("user_id", type_=Uuid)))
REMOVE_ALL = Statement(
    text(f"""
    WITH changed AS (
        DELETE FROM product_like
        USING jsonb_to_recordset(CAST(:rows AS jsonb)) AS gone(product_id uuid, event_id uuid)
        WHERE user_id = :user_id AND product_like.product_id = gone.product_id
        RETURNING id, user_id, product_like.product_id, created_at, event_id
    ) {_record_event(_LIKED_AT, "event_id")}
    """).bindparams(bindparam("rows", type_=JSONB))  # noqa: S608
)
NEWEST = Statement(
    select(_l.id, _l.user_id, _l.product_id, _l.created_at)
    .where(_l.user_id == bindparam("user_id", type_=Uuid), _l.id < bindparam("before", type_=Uuid))
    .order_by(_l.id.desc())
    .limit(bindparam("limit", type_=BigInteger))
)
